// Rows of a list that is far longer than the window: pages that were fetched, by position, and no more of them than fit.

/** A sparse list: rows that are not there yet are `undefined`. */
export class Pages<T> {
  private readonly pages = new Map<number, T[]>();

  constructor(
    readonly size: number,
    private readonly keep: number,
  ) {}

  get(index: number): T | undefined {
    return this.pages.get(Math.floor(index / this.size))?.[index % this.size];
  }

  /** The pages that `count` rows from `first` need and are not complete, in order. `total` bounds the last one. */
  missing(first: number, count: number, total: number): number[] {
    const out: number[] = [];
    const end = Math.min(first + count, total);
    for (let page = Math.floor(first / this.size); page * this.size < end; page += 1) {
      const need = Math.min(this.size, total - page * this.size);
      if ((this.pages.get(page)?.length ?? 0) < need) out.push(page);
    }
    return out;
  }

  put(page: number, rows: T[]): void {
    // A Map remembers the order of insertion: the first key is the page that was fetched longest ago.
    this.pages.delete(page);
    this.pages.set(page, rows);
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= this.keep) break;
      this.pages.delete(oldest);
    }
  }

  clear(): void {
    this.pages.clear();
  }

  get held(): number {
    return this.pages.size;
  }
}
