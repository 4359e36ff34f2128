// Questions that stop everything else: one at a time.

export interface Question {
  title: string;
  /** What happens, with what and how many. Paragraphs. */
  body: readonly string[];
  /** The verb on the button: "Clear 342", "Open to the network". */
  action: string;
  /** The act destroys something. */
  danger?: boolean;
}

export class Dialogs {
  question = $state.raw<Question | undefined>(undefined);
  #answer: ((yes: boolean) => void) | undefined;

  /** True where the user agrees. */
  confirm(question: Question): Promise<boolean> {
    this.#answer?.(false);
    this.question = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(yes: boolean): void {
    this.question = undefined;
    this.#answer?.(yes);
    this.#answer = undefined;
  }
}
