"""What brokers and sockets answer, in sentences; which of it no retry mends. Not here: who retries."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

from paho.mqtt.reasoncodes import ReasonCode

from connectors.contract import ConnectorError, PermanentError, mark
from connectors.mqtt.options import MqttOptions

_PERMANENT = {
    132: mark("The broker does not speak this version of MQTT; choose the other one."),
    133: mark("The broker refuses the client id; choose another."),
    134: mark("The broker refuses user or password."),
    135: mark("The broker does not let this user in."),
    138: mark("The broker has banned this client."),
    140: mark("The broker wants another way of signing in."),
    144: mark("The broker refuses a topic."),
}


def refused(code: ReasonCode) -> ConnectorError:
    """Return the fault for a CONNACK that is no welcome."""
    sentence = _PERMANENT.get(code.value)
    data = {"reason": str(code), "code": code.value}
    if sentence is not None:
        return PermanentError(sentence, key="mqtt.refused", data=data)
    return ConnectorError(
        mark("The broker refused the connection (%(reason)s).") % {"reason": code},
        key="mqtt.refused",
        data=data,
    )


def subscription_refused(filters: Sequence[str], reasons: Sequence[str]) -> PermanentError:
    """Return the fault for a SUBACK that refuses a filter."""
    return PermanentError(
        mark("The broker refuses a subscription: %(reasons)s. Check topics and the user's rights.")
        % {"reasons": ", ".join(sorted(set(reasons)))},
        key="mqtt.subscription_refused",
        data={"topics": list(filters)},
    )


def translate(error: BaseException, options: MqttOptions) -> ConnectorError:
    """Return the fault for what the network did."""
    where = f"{options.parts.hostname}:{options.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(
            mark("The broker's certificate is not trusted (%(reason)s). Give its CA, or check its name.")
            % {"reason": error.verify_message},
            key="mqtt.untrusted",
        )
    if isinstance(error, ssl.SSLError):
        return ConnectorError(
            mark("TLS with %(where)s failed (%(reason)s).")
            % {"where": where, "reason": error.reason or error},
            key="mqtt.tls",
        )
    if isinstance(error, socket.gaierror):
        return ConnectorError(
            mark("The name %(where)s is not known.") % {"where": options.parts.hostname},
            key="mqtt.unknown_host",
        )
    if isinstance(error, TimeoutError):
        return ConnectorError(mark("%(where)s does not answer.") % {"where": where}, key="mqtt.timeout")
    if isinstance(error, ConnectionRefusedError):
        return ConnectorError(
            mark("Nobody listens at %(where)s.") % {"where": where}, key="mqtt.nobody_there"
        )
    return ConnectorError(
        mark("The connection to %(where)s failed (%(reason)s).") % {"where": where, "reason": error},
        key="mqtt.failed",
    )
