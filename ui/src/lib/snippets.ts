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
  /** `ws://…/mqtt`, where the broker listens for WebSocket. */
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

export function snippets(reach: Reach): Snippet[] {
  const { address, port, login } = reach;
  const name = login && quoted(login.name);
  const password = login && quoted(login.password);
  return [
    { value: "mosquitto", name: "mosquitto", code: mosquitto(reach) },
    {
      value: "python",
      name: "Python",
      code: [
        "# pip install paho-mqtt",
        "import paho.mqtt.publish as publish",
        "",
        `publish.single("hello/world", "hi", hostname=${quoted(address)}, port=${port},`,
        `               client_id="python"${login ? `, auth={"username": ${name}, "password": ${password}}` : ""})`,
      ].join("\n"),
    },
    {
      value: "arduino",
      name: "Arduino, ESP32",
      code: [
        "WiFiClient network;  // #include <WiFi.h> and <PubSubClient.h>; WiFi.begin(…) first",
        "PubSubClient mqtt(network);",
        `mqtt.setServer(${quoted(address)}, ${port});  // in setup()`,
        `mqtt.connect("my-board"${login ? `, ${name}, ${password}` : ""});`,
        'mqtt.publish("hello/world", "hi");',
        "mqtt.loop();  // in loop(), again and again",
      ].join("\n"),
    },
    {
      value: "micropython",
      name: "MicroPython",
      code: [
        '# import mip; mip.install("umqtt.simple")',
        "from umqtt.simple import MQTTClient",
        "",
        `client = MQTTClient("my-board", ${quoted(address)}, port=${port}${login ? `,\n                    user=${name}, password=${password}` : ""})`,
        'client.connect()\nclient.publish(b"hello/world", b"hi")',
      ].join("\n"),
    },
    {
      value: "home-assistant",
      name: "Home Assistant",
      code: [
        "Settings > Devices & services > Add integration > MQTT",
        "",
        `Broker:    ${address}`,
        `Port:      ${port}`,
        ...(login ? [`Username:  ${login.name}`, `Password:  ${login.password}`] : ["Username, password: leave empty"]),
      ].join("\n"),
    },
    {
      value: "node-red",
      name: "Node-RED",
      code: [
        "Drag in “mqtt in” > double-click > Server > + > Connection",
        "",
        `Server:    ${address}`,
        `Port:      ${port}`,
        ...(login
          ? [`Security > Username:  ${login.name}`, `Security > Password:  ${login.password}`]
          : ["Security: leave empty"]),
      ].join("\n"),
    },
    {
      value: "node",
      name: "Node.js",
      code: [
        "// npm install mqtt",
        'import mqtt from "mqtt";',
        "",
        javaScript(`mqtt://${hostOf(address)}:${port}`, login),
        'client.on("connect", () => client.publish("hello/world", "hi"));',
      ].join("\n"),
    },
    ...(reach.webSocket === undefined ? [] : [browser(reach.webSocket, login)]),
  ];
}

/** As it stands in a URL: IPv6 in brackets. */
export function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function mosquitto({ address, port, login }: Reach): string {
  const flags = [
    `-h ${address}`,
    ...(port === 1883 ? [] : [`-p ${port}`]),
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

function javaScript(url: string, login: Reach["login"]): string {
  const options = login ? `, {\n  username: ${quoted(login.name)}, password: ${quoted(login.password)},\n}` : "";
  return `const client = mqtt.connect(${quoted(url)}${options});`;
}

function browser(url: string, login: Reach["login"]): Snippet {
  return {
    value: "browser",
    name: "Browser",
    code: [
      "// npm install mqtt, or its dist/mqtt.min.js in a <script> of your page",
      'import mqtt from "mqtt";',
      "",
      javaScript(url, login),
      'client.on("connect", () => client.publish("hello/world", "hi"));',
    ].join("\n"),
  };
}
