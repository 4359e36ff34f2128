import assert from "node:assert/strict";

/** Waits until a condition holds, with a deadline, and answers with its value. */
export async function until(what, condition) {
  const deadline = Date.now() + 25_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`It did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}
