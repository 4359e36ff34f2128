"""A paho-mqtt client that does what standard input says; src/client/driver.rs describes the lines."""

import json
import sys
import threading

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5, MQTTv311
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

DEADLINE = 30
output = threading.Lock()


def say(event, **fields):
    with output:
        print(json.dumps({"event": event, **fields}), flush=True)


class Driver:
    def connect(self, request):
        is_v5 = request["version"] == 5
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=request["clientIdentifier"],
            clean_session=None if is_v5 else not request["kept"],
            protocol=MQTTv5 if is_v5 else MQTTv311,
            reconnect_on_failure=False,
            transport="websockets" if request["webSocket"] else "tcp",
        )
        if request["authority"]:
            client.tls_set(request["authority"])
        client.on_connect = self.on_connect
        client.on_subscribe = self.on_subscribe
        client.on_message = self.on_message
        will = request["will"]
        if will:
            client.will_set(will["topic"], bytes.fromhex(will["payload"]), will["qos"], will["retain"])
        options = {}
        if is_v5:
            options["clean_start"] = not request["kept"]
            if request["kept"]:
                options["properties"] = Properties(PacketTypes.CONNECT)
                options["properties"].SessionExpiryInterval = 3600
        self.client = client
        client.connect(request["host"], request["port"], **options)
        client.loop_start()

    def subscribe(self, request):
        self.client.subscribe(request["filter"], request["qos"])

    def publish(self, request):
        sent = self.client.publish(
            request["topic"], bytes.fromhex(request["payload"]), request["qos"], request["retain"]
        )
        sent.wait_for_publish(DEADLINE)
        if not sent.is_published():
            raise TimeoutError("the message was not acknowledged")
        say("published")

    def disconnect(self, _request):
        self.client.disconnect()
        self.client.loop_stop()
        say("disconnected")

    def on_connect(self, _client, _data, flags, reason_code, _properties):
        if reason_code.is_failure:
            say("failed", reason=str(reason_code))
        else:
            say("connected", sessionPresent=bool(flags.session_present))

    def on_subscribe(self, _client, _data, _identifier, reason_codes, _properties):
        say("subscribed", granted=reason_codes[0].value)

    def on_message(self, _client, _data, message):
        say(
            "message",
            topic=message.topic,
            payload=message.payload.hex(),
            qos=message.qos,
            retain=bool(message.retain),
        )


driver = Driver()
for line in sys.stdin:
    request = json.loads(line)
    try:
        getattr(driver, request["do"])(request)
    except Exception as error:
        say("failed", reason=repr(error))
    if request["do"] == "disconnect":
        break
