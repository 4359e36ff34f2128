// How to reach the broker from the usual places, with the real address. At most five lines each.

export interface Snippet {
  name: string;
  value: string;
  code: string;
}

export function snippets(address: string, port: number, url: string): Snippet[] {
  const flag = port === 1883 ? "" : ` -p ${port}`;
  return [
    {
      value: "mosquitto",
      name: "mosquitto",
      code: [
        "# hear everything",
        `mosquitto_sub -h ${address}${flag} -t "#" -v`,
        "",
        "# say something, in another terminal",
        `mosquitto_pub -h ${address}${flag} -t hello/world -m "hi"`,
      ].join("\n"),
    },
    {
      value: "python",
      name: "Python",
      code: `# pip install paho-mqtt\nimport paho.mqtt.publish as publish\n\npublish.single("hello/world", "hi", hostname="${address}", port=${port})`,
    },
    {
      value: "arduino",
      name: "Arduino",
      code: [
        "WiFiClient network;  // with WiFi.h and PubSubClient.h",
        "PubSubClient mqtt(network);",
        `mqtt.setServer("${address}", ${port});`,
        'mqtt.connect("my-board");',
        'mqtt.publish("hello/world", "hi");',
      ].join("\n"),
    },
    {
      value: "home-assistant",
      name: "Home Assistant",
      code: `Settings > Devices & services > Add integration > MQTT\n\nBroker:   ${address}\nPort:     ${port}\nUsername, password: leave empty`,
    },
    {
      value: "node",
      name: "Node",
      code: `// npm install mqtt\nimport mqtt from "mqtt";\n\nconst client = mqtt.connect("${url}");\nclient.on("connect", () => client.publish("hello/world", "hi"));`,
    },
  ];
}
