// Who may do what, made up: rules that decide as the broker's do, and what they denied.

import { filterError, matches } from "../../lib/topicfilter";
import type { Host } from "../host";
import type { DenialRow } from "../types/DenialRow";
import type { RuleChange } from "../types/RuleChange";
import type { RuleQuestion } from "../types/RuleQuestion";
import type { RuleRow } from "../types/RuleRow";
import type { RuleVerdict } from "../types/RuleVerdict";
import { fault } from "./fault";
import type { World } from "./world";

type Commands = Pick<Host, "ownCertificate" | "ruleRows" | "ruleImpact" | "changeRules" | "testRule" | "denialRows">;

const DAY = 86_400_000;
const PRINT = "5B:0E:77:3D:A1:9C:42:F6:18:D5:2B:60:EE:93:04:7A:C8:31:BF:56:0D:E4:6F:82:99:13:7C:A8:2E:D0:45:F1";

interface State {
  rules: RuleRow[];
  otherwise: boolean;
}

export function securityCommands(world: World, options: URLSearchParams): Commands {
  const empty = world.empty;
  const many = options.get("security") === "many";
  let state: State = { rules: empty ? [] : makeRules(many, options.has("long")), otherwise: true };
  let next = state.rules.length + 1;

  function after(change: RuleChange): State {
    const rules = [...state.rules];
    const at = (number: number | null) =>
      number === null ? rules.length : rules.findIndex((r) => r.number === number);
    switch (change.kind) {
      case "import":
        if (!change.file.startsWith("/etc/mosquitto/"))
          throw fault(
            "The rules were not imported",
            `${change.file} can't be read (no such file)`,
            "Choose another file",
          );
        return { rules: makeRules(false, false).slice(0, 3), otherwise: false };
      case "otherwise":
        return { rules, otherwise: change.allow };
      case "remove":
        return { ...state, rules: rules.filter(({ number }) => number !== change.number) };
      case "move": {
        const [rule] = rules.splice(at(change.number), 1);
        rules.splice(at(change.before), 0, rule!);
        return { ...state, rules };
      }
      case "put": {
        const { before, number, ...rest } = change.rule;
        if (filterError(rest.filter) !== null) throw fault("The rule is none", "The filter is not valid", "Correct it");
        if (number !== null) rules[at(number)] = { ...rest, number };
        else rules.splice(at(before), 0, { ...rest, number: next });
        return { ...state, rules };
      }
    }
  }

  function decide({ rules, otherwise }: State, { client, user, operation, topic }: RuleQuestion): RuleVerdict {
    const passed_over: number[] = [];
    if (rules.length === 0 && otherwise) return { allowed: true, decided: "no_rules", rule: null, passed_over };
    for (const rule of rules) {
      const { subject } = rule;
      if (subject.kind === "account" ? subject.name !== user : subject.kind === "nameless" && user !== null) continue;
      if (rule.operations !== "both" && rule.operations !== operation) continue;
      if ((rule.filter.includes("%u") && !user) || (rule.filter.includes("%c") && client === "")) {
        passed_over.push(rule.number);
        continue;
      }
      const filter = rule.filter.replaceAll("%u", user ?? "").replaceAll("%c", client);
      if (matches(filter, topic.replace(/\/?#$/, "/x").replaceAll("+", "x")))
        return { allowed: rule.allow, decided: "rule", rule, passed_over };
    }
    return { allowed: otherwise, decided: "otherwise", rule: null, passed_over };
  }

  const denials = empty ? () => [] : makeDenials(world, options.has("long"));

  return {
    async ownCertificate() {
      if (empty) return null;
      return {
        file: "/home/anna/.local/share/nightjar/certs/server.pem",
        fingerprint: PRINT,
        from: world.started - 340 * DAY,
        until: world.started + (options.has("ending") ? 12 : 57) * DAY,
        names: ["nightjar.local", "localhost", "192.168.1.20", "127.0.0.1"],
      };
    },

    async ruleRows({ filter, first, count }) {
      const lower = filter.toLowerCase();
      const found = state.rules.filter(({ subject, filter }) =>
        [filter, subject.kind === "account" ? subject.name : subject.kind].some((t) => t.toLowerCase().includes(lower)),
      );
      return {
        total: found.length,
        all: state.rules.length,
        otherwise_allows: state.otherwise,
        first,
        rows: found.slice(first, first + count),
      };
    },
    async ruleImpact(change) {
      const then = after(change);
      const clients = world.clients.filter(({ connected }) => connected);
      const losses = clients.map((client) => {
        const loses = (operation: "publish" | "subscribe", topics: string[]) =>
          topics.filter((topic) => {
            const question = { client: client.name, user: client.userName, operation, topic };
            return decide(state, question).allowed && !decide(then, question).allowed;
          });
        const topics = world.topics.filter(({ publisher }) => publisher === client.name).map(({ path }) => path);
        return {
          client: client.name,
          publish: loses("publish", topics),
          subscribe: loses(
            "subscribe",
            client.subscriptions.map(({ filter }) => filter),
          ),
        };
      });
      const losing = losses.filter(({ publish, subscribe }) => publish.length + subscribe.length > 0);
      const [first] = then.rules;
      const closed =
        first?.subject.kind === "everybody" && first.operations === "both" && !first.allow && first.filter === "#";
      const everybody = closed || (!then.otherwise && !then.rules.some(({ allow }) => allow));
      return { everybody, losing: losing.length, clients: losing.slice(0, 5) };
    },
    async changeRules(change) {
      state = after(change);
      next += 1;
    },
    async testRule(question) {
      return decide(state, question);
    },
    async denialRows({ filter, first, count }) {
      const lower = filter.toLowerCase();
      const found = denials(world.now()).filter((row) =>
        [row.client, row.user ?? "", row.address ?? "", row.topic, row.why].some((t) =>
          t.toLowerCase().includes(lower),
        ),
      );
      return { total: found.length, first, rows: found.slice(first, first + count) };
    },
  };
}

function makeRules(many: boolean, long: boolean): RuleRow[] {
  const rows: Omit<RuleRow, "number">[] = [
    { subject: { kind: "account", name: "plc" }, operations: "both", filter: "factory/#", allow: true },
    { subject: { kind: "everybody" }, operations: "publish", filter: "factory/+/+/command", allow: false },
    { subject: { kind: "everybody" }, operations: "both", filter: "private/%u/#", allow: true },
    { subject: { kind: "everybody" }, operations: "both", filter: "private/#", allow: false },
    { subject: { kind: "nameless" }, operations: "subscribe", filter: "energy/meter/+/secret", allow: false },
  ];
  if (long)
    rows.push({
      subject: { kind: "account", name: `a-user-of-the-north-wing-${"with-a-name-without-end-".repeat(8)}` },
      operations: "both",
      filter: `${"a-very-long-level-of-a-topic/".repeat(12)}#`,
      allow: false,
    });
  if (many)
    for (let n = 1; n <= 2000; n++) {
      const name = `meter-${String(n).padStart(4, "0")}`;
      rows.push({ subject: { kind: "account", name }, operations: "publish", filter: `meters/${name}/#`, allow: true });
    }
  return rows.map((row, i) => ({ number: i + 1, ...row }));
}

function makeDenials(world: World, long: boolean): (now: number) => DenialRow[] {
  const rows: Omit<DenialRow, "key" | "count" | "first" | "last">[] = [
    {
      client: "hall-tablet",
      user: "tablets",
      address: "192.168.1.44:50411",
      operation: "publish",
      topic: "factory/line-2/press-04/command",
      rule: 2,
      why: "Rule 2 denies it",
      remedy: {
        kind: "rule",
        rule: {
          number: null,
          before: 2,
          subject: { kind: "account", name: "tablets" },
          operations: "publish",
          filter: "factory/line-2/press-04/command",
          allow: true,
        },
      },
    },
    {
      client: long ? `meter-9-${"of-the-north-wing-".repeat(9)}` : "meter-9",
      user: "meter-9",
      address: "192.168.1.31:49662",
      operation: "connect",
      topic: "",
      rule: null,
      why: "There is no account meter-9",
      remedy: { kind: "account", name: "meter-9" },
    },
    {
      client: "gateway",
      user: "old-gateway",
      address: "192.168.1.90:51022",
      operation: "connect",
      topic: "",
      rule: null,
      why: "The account old-gateway is disabled",
      remedy: { kind: "enable", name: "old-gateway" },
    },
    {
      client: "phone-anna",
      user: null,
      address: "192.168.1.77:60110",
      operation: "subscribe",
      topic: "private/anna/#",
      rule: 4,
      why: "Rule 4 denies it",
      remedy: {
        kind: "rule",
        rule: {
          number: null,
          before: 4,
          subject: { kind: "nameless" },
          operations: "subscribe",
          filter: "private/anna/#",
          allow: true,
        },
      },
    },
  ];
  return (now) =>
    rows.map((row, i) => ({
      ...row,
      key: `${row.client} ${row.operation} ${row.topic}`,
      // The first one goes on trying.
      count: i === 0 ? 12 + Math.floor((now - world.started) / 2000) : 3 * i,
      first: world.started - (i + 1) * 3_600_000,
      last: i === 0 ? now - 1000 : world.started - i * 700_000,
    }));
}
