// Names of the three levels, as the specification has them.

const NAMES = ["at most once", "at least once", "exactly once"] as const;

/** "1, at least once". */
export function qosText(qos: number): string {
  return NAMES[qos] === undefined ? String(qos) : `${qos}, ${NAMES[qos]}`;
}
