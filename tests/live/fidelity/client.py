"""Google's Python client for Secret Manager over REST, driven by lines of JSON.

Each line on stdin is [method, request]; each line on stdout is {"ok": response} or {"error": {...}}. Requests and
responses are the protocol buffers of the API as proto3 JSON.
"""

import json
import sys

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1
from google.iam.v1 import iam_policy_pb2
from google.protobuf import json_format


def request_of(method, fields):
    name = "".join(part.title() for part in method.split("_")) + "Request"
    if hasattr(iam_policy_pb2, name):
        return json_format.ParseDict(fields, getattr(iam_policy_pb2, name)())
    request = getattr(secretmanager_v1, name)()
    json_format.ParseDict(fields, request._pb)
    return request


def json_of(response):
    if response is None:
        return {}
    if hasattr(response, "pages"):
        return [json_of(item) for item in response]
    return json_format.MessageToDict(getattr(response, "_pb", response))


def answer(client, method, fields):
    try:
        return {"ok": json_of(getattr(client, method)(request=request_of(method, fields)))}
    except GoogleAPICallError as error:
        return {"error": {"type": type(error).__name__, "code": int(error.code), "message": error.message}}


def main():
    client = secretmanager_v1.SecretManagerServiceClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options=ClientOptions(api_endpoint=sys.argv[1]),
    )
    for line in sys.stdin:
        method, fields = json.loads(line)
        print(json.dumps(answer(client, method, fields)), flush=True)


main()
