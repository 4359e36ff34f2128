// Exports, which take a second and write nothing.

import type { Host } from "../host";
import type { Fault } from "../types/Fault";
import type { HistoryExport } from "../types/HistoryExport";
import { fault } from "./fault";
import type { World } from "./world";

const TAKES = 1500;
const WHAT = "The messages were not exported";

type Commands = Pick<Host, "exportDirectory" | "exportBegin" | "exportLook" | "exportCancel">;

export function exportCommands(world: World): Commands {
  const written = new Set(["/home/anna/Downloads/taken.csv"]);
  let last: { file: string; began: number } | undefined;
  let failed: Fault | undefined;

  async function look(): Promise<HistoryExport | null> {
    if (failed) throw failed;
    if (!last) return null;
    const progress = Math.min(1, (world.now() - last.began) / TAKES);
    if (progress === 1) written.add(last.file);
    return { file: last.file, progress, written: progress === 1 ? 2_104_318 : null };
  }

  return {
    async exportDirectory() {
      return "/home/anna/Downloads";
    },
    async exportBegin(_query, _format, file) {
      if (!file.startsWith("/")) throw fault(WHAT, "The path is not whole", "Write it from the root on");
      if (written.has(file)) throw fault(WHAT, `${file} is there already`, "Choose another name");
      failed = undefined;
      last = { file, began: world.now() };
      return (await look())!;
    },
    exportLook: look,
    async exportCancel() {
      failed = fault(WHAT, "It was cancelled", "Export them again");
    },
  };
}
