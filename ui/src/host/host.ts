// The only door to Rust: one function per command. `tauri.ts` opens it for real, `fake.ts` with a seeded broker for tests.
//
// The window pulls. A view asks for what it shows, four times a second while it is visible (`feed.ts`), and gets a
// snapshot: never more than one answer on the way. A command that fails rejects with a `Fault`.

import type { Access } from "./types/Access";
import type { Authority } from "./types/Authority";
import type { WayIn } from "./types/WayIn";
import type { ClientDetail } from "./types/ClientDetail";
import type { ClientQuery } from "./types/ClientQuery";
import type { AccountImport } from "./types/AccountImport";
import type { AccountErrors } from "./types/AccountErrors";
import type { AccountRow } from "./types/AccountRow";
import type { ClearedQuery } from "./types/ClearedQuery";
import type { ClearedRows } from "./types/ClearedRows";
import type { ClientRows } from "./types/ClientRows";
import type { ExportFormat } from "./types/ExportFormat";
import type { FirewallHint } from "./types/FirewallHint";
import type { Found } from "./types/Found";
import type { HistoryExport } from "./types/HistoryExport";
import type { HistoryGap } from "./types/HistoryGap";
import type { HistoryHistogram } from "./types/HistoryHistogram";
import type { HistoryPage } from "./types/HistoryPage";
import type { HistoryPick } from "./types/HistoryPick";
import type { HistoryPlot } from "./types/HistoryPlot";
import type { HistoryPlotQuery } from "./types/HistoryPlotQuery";
import type { HistoryProgress } from "./types/HistoryProgress";
import type { HistoryQuery } from "./types/HistoryQuery";
import type { Keeping } from "./types/Keeping";
import type { KeepingForecast } from "./types/KeepingForecast";
import type { KeepingRules } from "./types/KeepingRules";
import type { LogLevel } from "./types/LogLevel";
import type { LogQuery } from "./types/LogQuery";
import type { LogRows } from "./types/LogRows";
import type { MessageDetail } from "./types/MessageDetail";
import type { OutgoingMessage } from "./types/OutgoingMessage";
import type { MessageRow } from "./types/MessageRow";
import type { Overview } from "./types/Overview";
import type { PastProgress } from "./types/PastProgress";
import type { PastQuery } from "./types/PastQuery";
import type { PastRows } from "./types/PastRows";
import type { Preferences } from "./types/Preferences";
import type { Published } from "./types/Published";
import type { PublisherOptions } from "./types/PublisherOptions";
import type { PublisherSubscription } from "./types/PublisherSubscription";
import type { PublisherView } from "./types/PublisherView";
import type { QueueRows } from "./types/QueueRows";
import type { QueueSelection } from "./types/QueueSelection";
import type { RetainedChanges } from "./types/RetainedChanges";
import type { RetainedEdit } from "./types/RetainedEdit";
import type { RetainedQuery } from "./types/RetainedQuery";
import type { RetainedRows } from "./types/RetainedRows";
import type { RetainedSelection } from "./types/RetainedSelection";
import type { Status } from "./types/Status";
import type { AccountRows } from "./types/AccountRows";
import type { DenialRows } from "./types/DenialRows";
import type { BanDraft } from "./types/BanDraft";
import type { BanImpact } from "./types/BanImpact";
import type { BanRows } from "./types/BanRows";
import type { ListenerDraft } from "./types/ListenerDraft";
import type { ListenerRow } from "./types/ListenerRow";
import type { CertificateInfo } from "./types/CertificateInfo";
import type { ListQuery } from "./types/ListQuery";
import type { RuleChange } from "./types/RuleChange";
import type { RuleImpact } from "./types/RuleImpact";
import type { RuleQuestion } from "./types/RuleQuestion";
import type { RuleRows } from "./types/RuleRows";
import type { RuleVerdict } from "./types/RuleVerdict";
import type { TopicMessages } from "./types/TopicMessages";
import type { TopicMessagesQuery } from "./types/TopicMessagesQuery";
import type { TopicQuery } from "./types/TopicQuery";
import type { TopicRows } from "./types/TopicRows";
import type { Traffic } from "./types/Traffic";
import type { TrafficRange } from "./types/TrafficRange";
import type { Vitals } from "./types/Vitals";

/** Command names are these in snake_case; arguments go by the names below. What feeds ask for goes by way of `looks`. */
export interface Host {
  status(): Promise<Status>;
  /** Tries to start the broker again after it failed. */
  retryStart(): Promise<Status>;
  setAccess(access: Access): Promise<Status>;
  /** Opens or closes a way in beside plain MQTT, for whoever may connect; at once, and remembered. */
  setWayIn(kind: WayIn, open: boolean): Promise<Status>;
  accounts(): Promise<AccountRow[]>;
  generatePassword(): Promise<string>;
  /** The account is there, and can log in, where nothing is wrong with its fields. */
  addAccount(name: string, password: string): Promise<AccountErrors>;
  /** What may keep devices away from the listeners; null where no firewall is recognised. */
  firewall(): Promise<FirewallHint | null>;
  /** The certificate that devices are told to trust, made where there is none. */
  authority(): Promise<Authority>;
  /** Asks for a file in the desktop's own way, and writes the certificate there; null where the user wants none. */
  saveAuthority(): Promise<string | null>;
  preferences(): Promise<Preferences>;
  setPreferences(preferences: Preferences): Promise<void>;

  vitals(): Promise<Vitals>;
  overview(): Promise<Overview>;
  traffic(range: TrafficRange): Promise<Traffic>;
  find(text: string): Promise<Found>;

  topicRows(query: TopicQuery): Promise<TopicRows>;
  topicMessages(query: TopicMessagesQuery): Promise<TopicMessages>;
  message(id: number): Promise<MessageDetail>;

  clientRows(query: ClientQuery): Promise<ClientRows>;
  clientDetail(client: string): Promise<ClientDetail>;
  disconnectClient(client: string): Promise<void>;
  /** What waits for a client, in the order of sending. */
  queueRows(client: string, first: number, count: number): Promise<QueueRows>;
  queuedMessage(client: string, key: string): Promise<MessageDetail>;
  /** Returns how many were taken out for good. */
  purgeQueue(client: string, selection: QueueSelection): Promise<number>;

  historyOpen(query: HistoryQuery): Promise<HistoryProgress>;
  historyPage(search: number, first: number, count: number): Promise<HistoryPage>;
  /** Between the bounds, else from the oldest to the newest that was found; null where that is no time. */
  historyHistogram(
    search: number,
    from: number | null,
    to: number | null,
    slots: number,
  ): Promise<HistoryHistogram | null>;
  /** Those that reach into a time, the newest first. */
  historyGaps(from: number | null, to: number | null): Promise<HistoryGap[]>;
  /** What is wrong with a condition on JSON payloads; null where nothing is. */
  conditionError(condition: string): Promise<string | null>;
  historyClose(search: number): Promise<void>;

  /** A window has one plot; the next one ends it. */
  plotOpen(query: HistoryPlotQuery): Promise<HistoryPlot>;
  plotLook(plot: number): Promise<HistoryPlot>;
  plotClose(plot: number): Promise<void>;

  /** Where exports are likely to be wanted; null where that is not known. */
  exportDirectory(): Promise<string | null>;
  /** Asks for a file in the desktop's own way; null where the user wants none. */
  exportChoose(format: ExportFormat, name: string): Promise<string | null>;
  /**
   * All that the query finds or, where some were picked, those. There is one export at a time. It rejects with why it failed
   * or was cancelled, as `exportLook` does.
   */
  exportBegin(
    query: HistoryQuery,
    picked: HistoryPick | null,
    format: ExportFormat,
    file: string,
    replace: boolean,
  ): Promise<HistoryExport>;
  exportLook(): Promise<HistoryExport | null>;
  exportCancel(): Promise<void>;
  /** As JSON Lines; answers how many there were. */
  copyMessages(picked: HistoryPick): Promise<number>;

  keeping(): Promise<Keeping>;
  /** What rules would delete. */
  keepingForecast(rules: KeepingRules): Promise<KeepingForecast>;
  setKeeping(rules: KeepingRules): Promise<Keeping>;

  /** The certificate that Nightjar made for listeners of TLS; null where it has made none yet. */
  ownCertificate(): Promise<CertificateInfo | null>;
  /** All listeners, in the order of the settings. */
  listenerRows(): Promise<ListenerRow[]>;
  /** Moves the listener of plain MQTT. `was`: as the row has it; it rejects where the settings say something else by now. */
  setPort(was: number, port: number): Promise<void>;
  /** It is open and remembered where this resolves. */
  addListener(listener: ListenerDraft): Promise<void>;
  /** `was`: as the row has it; it rejects where the settings say something else by now. */
  changeListener(place: number, was: ListenerDraft, listener: ListenerDraft): Promise<void>;
  removeListener(place: number, was: ListenerDraft): Promise<void>;
  accountRows(query: ListQuery): Promise<AccountRows>;
  setAccountPassword(name: string, password: string): Promise<void>;
  setAccountDisabled(name: string, disabled: boolean): Promise<void>;
  /** Asks for a file in the desktop's own way; null where the user wants none. */
  chooseFile(title: string): Promise<string | null>;
  /** Adds the users of a password file of mosquitto who are not there yet. */
  importAccounts(file: string): Promise<AccountImport>;
  removeAccount(name: string): Promise<void>;

  ruleRows(query: ListQuery): Promise<RuleRows>;
  /** Who that is connected would lose what. */
  ruleImpact(change: RuleChange): Promise<RuleImpact>;
  changeRules(change: RuleChange): Promise<void>;
  testRule(question: RuleQuestion): Promise<RuleVerdict>;
  /** What clients wanted and did not get, the last first. */
  denialRows(query: ListQuery): Promise<DenialRows>;

  banRows(query: ListQuery): Promise<BanRows>;
  /** Whom a ban would turn out; or what is wrong with it. */
  banImpact(ban: BanDraft): Promise<BanImpact>;
  /** Who is banned is disconnected. Returns the number of the ban. */
  ban(ban: BanDraft): Promise<number>;
  liftBan(number: number): Promise<void>;

  /** Answers while the broker does not run, too. */
  logRows(query: LogQuery): Promise<LogRows>;
  /** What is recorded from now on; it is remembered. */
  setLogLevel(level: LogLevel): Promise<void>;
  /** In the desktop's own way. */
  openDataDirectory(): Promise<void>;

  retainedRows(query: RetainedQuery): Promise<RetainedRows>;
  retainedMessage(topic: string): Promise<MessageDetail>;
  countRetained(selection: RetainedSelection): Promise<number>;
  /** Returns how many were cleared. */
  clearRetained(selection: RetainedSelection): Promise<number>;
  setRetained(edit: RetainedEdit): Promise<void>;

  /** What was retained at a moment or, with null, what was cleared; ask for rows once it is done. */
  pastOpen(at: number | null): Promise<PastProgress>;
  pastRows(past: number, query: PastQuery): Promise<PastRows>;
  clearedRows(past: number, query: ClearedQuery): Promise<ClearedRows>;
  pastClose(past: number): Promise<void>;
  /** The retained history of a topic; null begins a search, which `historyClose` ends. */
  retainedChanges(topic: string, search: number | null, first: number, count: number): Promise<RetainedChanges>;
  /** Publishes a message of the past again, retained, unless its topic retains another one than that of `over`: then nothing is
   *  done, and that one is the answer. */
  restoreRetained(message: number, over: number | null): Promise<MessageRow | null>;
  /** Brings back what was cleared (since a moment, where one is given) and has no other value; returns how many. */
  restoreCleared(past: number, selection: RetainedSelection, since: number | null): Promise<number>;

  /** `after`: the newest id of the inbox that the window has. */
  publisher(after: number): Promise<PublisherView>;
  publisherConnect(options: PublisherOptions): Promise<void>;
  publisherDisconnect(): Promise<void>;
  publisherSubscribe(subscription: PublisherSubscription): Promise<void>;
  publisherUnsubscribe(filter: string): Promise<void>;
  publisherPublish(message: OutgoingMessage): Promise<Published>;

  /** Copies to the clipboard. */
  copy(text: string): Promise<void>;
}
