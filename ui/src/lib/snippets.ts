// How to reach the broker from the usual places, with the real values in: lines to copy as they are.

export interface Snippet {
  name: string;
  value: string;
  code: string;
}

/** Where the broker is, and who may come in. */
export interface Reach {
  address: string;
  port: number;
  /** The port is one of TLS. */
  tls?: boolean;
  /** `ws://…` or `wss://…` with the path, where the broker listens for WebSocket. */
  webSocket?: string | undefined;
  /** Where a device has to log in. */
  login?: { name: string; password: string } | undefined;
}

/** For a POSIX shell, in quotation marks only where it needs them. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** For Python, C++ and JavaScript alike: they share these escapes. */
const quoted = (text: string) => JSON.stringify(text);

/** The file that the window saves the authority's certificate as. */
export const AUTHORITY_FILE = "nightjar-ca.pem";

export function snippets(reach: Reach): Snippet[] {
  const { login, webSocket } = reach;
  return [
    { value: "mosquitto", name: "mosquitto", code: mosquitto(reach) },
    { value: "python", name: "Python", code: python(reach) },
    { value: "arduino", name: "Arduino, ESP32", code: arduino(reach) },
    { value: "micropython", name: "MicroPython", code: micropython(reach) },
    { value: "home-assistant", name: "Home Assistant", code: homeAssistant(reach) },
    { value: "node-red", name: "Node-RED", code: nodeRed(reach) },
    { value: "node", name: "Node.js", code: node(reach) },
    ...(webSocket === undefined ? [] : [{ value: "browser", name: "Browser", code: browser(webSocket, login) }]),
  ];
}

/** As it stands in a URL: IPv6 in brackets. */
export function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function mosquitto({ address, port, login, tls }: Reach): string {
  const flags = [
    `-h ${address}`,
    ...(port === 1883 ? [] : [`-p ${port}`]),
    ...(tls ? [`--cafile ${AUTHORITY_FILE}`] : []),
    ...(login ? [`-u ${shellWord(login.name)}`, `-P ${shellWord(login.password)}`] : []),
  ].join(" ");
  return [
    "# hear everything",
    `mosquitto_sub ${flags} -t "#" -v`,
    "",
    "# say something, in another terminal",
    `mosquitto_pub ${flags} -t hello/world -m "hi"`,
  ].join("\n");
}

function python({ address, port, login, tls }: Reach): string {
  const options = [
    'client_id="python"',
    ...(login ? [`auth={"username": ${quoted(login.name)}, "password": ${quoted(login.password)}}`] : []),
    ...(tls ? [`tls={"ca_certs": ${quoted(AUTHORITY_FILE)}}`] : []),
  ];
  return [
    "# pip install paho-mqtt",
    "import paho.mqtt.publish as publish",
    "",
    `publish.single("hello/world", "hi", hostname=${quoted(address)}, port=${port},`,
    `               ${options.join(",\n               ")})`,
  ].join("\n");
}

function arduino({ address, port, login, tls }: Reach): string {
  const connect = login ? `, ${quoted(login.name)}, ${quoted(login.password)}` : "";
  const network = tls
    ? [
        "WiFiClientSecure network;  // ESP32: #include <WiFiClientSecure.h> and <PubSubClient.h>",
        `network.setCACert(CA);  // const char* CA = R"(the text of ${AUTHORITY_FILE})";`,
      ]
    : ["WiFiClient network;  // #include <WiFi.h> and <PubSubClient.h>; WiFi.begin(…) first"];
  return [
    ...network,
    "PubSubClient mqtt(network);",
    `mqtt.setServer(${quoted(address)}, ${port});  // in setup()`,
    `mqtt.connect("my-board"${connect});`,
    'mqtt.publish("hello/world", "hi");',
    "mqtt.loop();  // in loop(), again and again",
  ].join("\n");
}

function micropython({ address, port, login, tls }: Reach): string {
  const options = [
    `${quoted(address)}, port=${port}`,
    ...(login ? [`user=${quoted(login.name)}, password=${quoted(login.password)}`] : []),
    ...(tls ? ["ssl=context"] : []),
  ];
  const context = [
    "import ssl",
    "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
    `context.load_verify_locations(cafile=${quoted(AUTHORITY_FILE)})`,
  ];
  return [
    '# import mip; mip.install("umqtt.simple")',
    "from umqtt.simple import MQTTClient",
    ...(tls ? context : [""]),
    `client = MQTTClient("my-board", ${options.join(",\n                    ")})`,
    "client.connect()",
    'client.publish(b"hello/world", b"hi")',
  ].join("\n");
}

function homeAssistant({ address, port, login, tls }: Reach): string {
  return [
    "Settings > Devices & services > Add integration > MQTT",
    "",
    `Broker:    ${address}`,
    `Port:      ${port}`,
    ...(login ? [`Username:  ${login.name}`, `Password:  ${login.password}`] : ["Username, password: leave empty"]),
    ...(tls ? [`Advanced options > Broker certificate validation: Custom, with ${AUTHORITY_FILE}`] : []),
  ].join("\n");
}

function nodeRed({ address, port, login, tls }: Reach): string {
  return [
    "Drag in “mqtt in” > double-click > Server > + > Connection",
    "",
    `Server:    ${address}`,
    `Port:      ${port}`,
    ...(login
      ? [`Security > Username:  ${login.name}`, `Security > Password:  ${login.password}`]
      : ["Security: leave empty"]),
    ...(tls ? [`Use TLS > + > CA certificate: upload ${AUTHORITY_FILE}`] : []),
  ].join("\n");
}

function node({ address, port, login, tls }: Reach): string {
  const url = `${tls ? "mqtts" : "mqtt"}://${hostOf(address)}:${port}`;
  return [
    "// npm install mqtt",
    'import mqtt from "mqtt";',
    ...(tls ? ['import { readFileSync } from "node:fs";'] : []),
    "",
    javaScript(url, login, tls ? [`ca: readFileSync(${quoted(AUTHORITY_FILE)})`] : []),
    'client.on("connect", () => client.publish("hello/world", "hi"));',
  ].join("\n");
}

function javaScript(url: string, login: Reach["login"], more: string[] = []): string {
  const fields = [...(login ? [`username: ${quoted(login.name)}, password: ${quoted(login.password)}`] : []), ...more];
  const options = fields.length > 0 ? `, {\n  ${fields.join(",\n  ")},\n}` : "";
  return `const client = mqtt.connect(${quoted(url)}${options});`;
}

function browser(url: string, login: Reach["login"]): string {
  return [
    "// npm install mqtt, or its dist/mqtt.min.js in a <script> of your page",
    'import mqtt from "mqtt";',
    "",
    javaScript(url, login),
    'client.on("connect", () => client.publish("hello/world", "hi"));',
  ].join("\n");
}
