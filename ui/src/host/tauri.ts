// The real host: each command by its name in Rust.

import { invoke } from "@tauri-apps/api/core";
import { asFault } from "./fault";
import type { Host } from "./host";
import type { Fault } from "./types/Fault";
import type { Look } from "./types/Look";

/** Tauri itself rejects with a string, such as for a command that does not exist; ours reject with a `Fault`. */
async function call<T>(command: string, args?: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(command, args);
  } catch (error) {
    throw asFault(error);
  }
}

/** As Rust writes a result. */
type Result = { Ok: unknown } | { Err: Fault };
let asked: { look: Look; resolve: (answer: never) => void; reject: (why: unknown) => void }[] = [];

/** What feeds ask for: all that is asked for at this moment goes in one message, and is answered at one moment. */
function see<T>(look: Look): Promise<T> {
  return new Promise((resolve, reject) => {
    if (asked.length === 0) queueMicrotask(() => void askAll());
    asked.push({ look, resolve, reject });
  });
}

async function askAll(): Promise<void> {
  const all = asked;
  asked = [];
  try {
    const results = await call<Result[]>("looks", { looks: all.map(({ look }) => look) });
    all.forEach(({ resolve, reject }, i) => {
      const result = results[i]!;
      if ("Ok" in result) resolve(result.Ok as never);
      else reject(result.Err);
    });
  } catch (error) {
    for (const { reject } of all) reject(error);
  }
}

export const tauri: Host = {
  status: () => see({ look: "status" }),
  retryStart: () => call("retry_start"),
  setAccess: (access) => call("set_access", { access }),
  setWayIn: (kind, open) => call("set_way_in", { kind, open }),
  accounts: () => call("accounts"),
  generatePassword: () => call("generate_password"),
  addAccount: (name, password) => call("add_account", { name, password }),
  firewall: () => call("firewall"),
  authority: () => call("authority"),
  saveAuthority: () => call("save_authority"),
  preferences: () => call("preferences"),
  setPreferences: (preferences) => call("set_preferences", { preferences }),

  vitals: () => see({ look: "vitals" }),
  overview: () => see({ look: "overview" }),
  traffic: (range) => see({ look: "traffic", range }),
  find: (text) => call("find", { text }),

  topicRows: (query) => see({ look: "topic_rows", query }),
  topicMessages: (query) => call("topic_messages", { query }),
  message: (id) => call("message", { id }),

  clientRows: (query) => see({ look: "client_rows", query }),
  clientDetail: (client) => call("client_detail", { client }),
  disconnectClient: (client) => call("disconnect_client", { client }),
  queueRows: (client, first, count) => call("queue_rows", { client, first, count }),
  queuedMessage: (client, key) => call("queued_message", { client, key }),
  purgeQueue: (client, selection) => call("purge_queue", { client, selection }),

  historyOpen: (query) => call("history_open", { query }),
  historyPage: (search, first, count) => call("history_page", { search, first, count }),
  historyHistogram: (search, from, to, slots) => call("history_histogram", { search, from, to, slots }),
  historyGaps: (from, to) => call("history_gaps", { from, to }),
  conditionError: (condition) => call("condition_error", { condition }),
  plotOpen: (query) => call("plot_open", { query }),
  plotLook: (plot) => call("plot_look", { plot }),
  plotClose: (plot) => call("plot_close", { plot }),
  exportDirectory: () => call("export_directory"),
  exportChoose: (format, name) => call("export_choose", { format, name }),
  exportBegin: (query, picked, format, file, replace) => call("export_begin", { query, picked, format, file, replace }),
  exportLook: () => call("export_look"),
  exportCancel: () => call("export_cancel"),
  copyMessages: (picked) => call("copy_messages", { picked }),
  historyClose: (search) => call("history_close", { search }),

  keeping: () => call("keeping"),
  keepingForecast: (rules) => call("keeping_forecast", { rules }),
  setKeeping: (rules) => call("set_keeping", { rules }),

  ownCertificate: () => call("own_certificate"),
  listenerRows: () => call("listener_rows"),
  setPort: (was, port) => call("set_port", { was, port }),
  addListener: (listener) => call("add_listener", { listener }),
  changeListener: (place, was, listener) => call("change_listener", { place, was, listener }),
  removeListener: (place, was) => call("remove_listener", { place, was }),
  accountRows: (query) => call("account_rows", { query }),
  setAccountPassword: (name, password) => call("set_account_password", { name, password }),
  setAccountDisabled: (name, disabled) => call("set_account_disabled", { name, disabled }),
  chooseFile: (title) => call("choose_file", { title }),
  importAccounts: (file) => call("import_accounts", { file }),
  removeAccount: (name) => call("remove_account", { name }),

  ruleRows: (query) => call("rule_rows", { query }),
  ruleImpact: (change) => call("rule_impact", { change }),
  changeRules: (change) => call("change_rules", { change }),
  testRule: (question) => call("test_rule", { question }),
  banRows: (query) => call("ban_rows", { query }),
  banImpact: (ban) => call("ban_impact", { ban }),
  ban: (ban) => call("ban", { ban }),
  liftBan: (number) => call("lift_ban", { number }),
  denialRows: (query) => call("denial_rows", { query }),

  logRows: (query) => see({ look: "log_rows", query }),
  setLogLevel: (level) => call("set_log_level", { level }),
  openDataDirectory: () => call("open_data_directory"),

  retainedRows: (query) => call("retained_rows", { query }),
  retainedMessage: (topic) => call("retained_message", { topic }),
  countRetained: (selection) => call("count_retained", { selection }),
  clearRetained: (selection) => call("clear_retained", { selection }),
  setRetained: (edit) => call("set_retained", { edit }),
  pastOpen: (at) => call("past_open", { at }),
  pastRows: (past, query) => call("past_rows", { past, query }),
  clearedRows: (past, query) => call("cleared_rows", { past, query }),
  pastClose: (past) => call("past_close", { past }),
  retainedChanges: (topic, search, first, count) => call("retained_changes", { topic, search, first, count }),
  restoreRetained: (message, over) => call("restore_retained", { message, over }),
  restoreCleared: (past, selection, since) => call("restore_cleared", { past, selection, since }),

  publisher: (after) => see({ look: "publisher", after }),
  publisherConnect: (options) => call("publisher_connect", { options }),
  publisherDisconnect: () => call("publisher_disconnect"),
  publisherSubscribe: (subscription) => call("publisher_subscribe", { subscription }),
  publisherUnsubscribe: (filter) => call("publisher_unsubscribe", { filter }),
  publisherPublish: (message) => call("publisher_publish", { message }),

  copy: (text) => call("copy", { text }),
};
