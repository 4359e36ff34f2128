// Toasts only confirm; they are gone after five seconds. An error is shown where it belongs instead.

export interface Toast {
  id: number;
  text: string;
  /** Takes back what was done. */
  undo: (() => void) | undefined;
}

const LASTS = 5000;
const AT_MOST = 3;

export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 1;

  say(text: string, undo?: () => void): void {
    const toast = { id: this.#next++, text, undo };
    // The same words again mean the same thing once more, not a second toast.
    this.list = [...this.list.filter((other) => other.text !== text), toast].slice(-AT_MOST);
    setTimeout(() => this.dismiss(toast.id), LASTS);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}
