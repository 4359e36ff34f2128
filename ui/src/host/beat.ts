// The beat that all feeds keep. Asking together, their questions go to the host in one message, and what comes back is one
// frame: both cost the program that the broker runs in about a millisecond each, however little they carry.

/** Milliseconds between two beats. */
export const PERIOD = 250;

type Listener = (beat: number) => void;
const listeners = new Set<Listener>();
let timer: ReturnType<typeof setInterval> | undefined;
let beats = 0;

/** Hears each beat, until the function that this returns is called. */
export function join(listener: Listener): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    beats += 1;
    for (const hears of [...listeners]) hears(beats);
  }, PERIOD);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
