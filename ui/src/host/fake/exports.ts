// Exports, which take a second and write nothing.

import type { Host } from "../host";
import type { Fault } from "../types/Fault";
import type { HistoryExport } from "../types/HistoryExport";
import type { HistoryPick } from "../types/HistoryPick";
import { fault } from "./fault";
import type { FakeHistory } from "./history";
import type { World } from "./world";

const TAKES = 1500;
const WHAT = "The messages were not exported";

const countOf = ({ ranges }: HistoryPick) => ranges.reduce((sum, [, count]) => sum + count, 0);

type Commands = Pick<
  Host,
  "exportDirectory" | "exportChoose" | "exportBegin" | "exportLook" | "exportCancel" | "copyMessages"
>;

export function exportCommands(
  world: World,
  history: FakeHistory,
  options: URLSearchParams,
  copied: string[],
): Commands {
  const written = new Set(["/home/anna/Downloads/taken.csv"]);
  let last: { file: string; began: number; messages: number } | undefined;
  let failed: Fault | undefined;

  const total = 2_104_318;

  async function look(): Promise<HistoryExport | null> {
    if (failed) throw failed;
    if (!last) return null;
    const progress = Math.min(1, (world.now() - last.began) / TAKES);
    if (progress === 1) written.add(last.file);
    return { file: last.file, progress, written: progress === 1 ? last.messages : null };
  }

  return {
    async exportDirectory() {
      return "/home/anna/Downloads";
    },
    // What a user would choose in a dialog that is not ours.
    async exportChoose(_format, name) {
      if (options.has("nochooser"))
        throw fault("No file was chosen", "The desktop's own dialog can't be opened", "Write the path instead");
      return options.has("nofile") ? null : `/home/anna/Documents/${name}`;
    },
    async exportBegin(_query, picked, _format, file, replace) {
      if (!file.startsWith("/")) throw fault(WHAT, "The path is not whole", "Write it from the root on");
      if (written.has(file) && !replace) throw fault(WHAT, `${file} is there already`, "Choose another name");
      failed = undefined;
      last = { file, began: world.now(), messages: picked ? countOf(picked) : total };
      return (await look())!;
    },
    exportLook: look,
    async exportCancel() {
      failed = fault(WHAT, "It was cancelled", "Export them again");
    },
    async copyMessages(picked) {
      if (countOf(picked) > 20_000) {
        throw fault(
          "The messages were not copied",
          "They are more than 16 MB",
          "Select fewer, or export them to a file",
        );
      }
      const rows = history.picked(picked);
      copied.push(
        rows.map(({ id, topic, preview }) => JSON.stringify({ id, topic, payload: preview }) + "\n").join(""),
      );
      return rows.length;
    },
  };
}
