"""The credential that counts now: the payload of `current`, a URL with user and password."""
import base64
import json
import os
import urllib.request

METADATA = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"


def secret() -> str:
    # SECRET is `projects/my-project/secrets/db-app-url`. The endpoint is another one in tests only.
    endpoint = os.environ.get("SECRETS_ENDPOINT")
    base, headers = (endpoint, {}) if endpoint else ("https://secretmanager.googleapis.com", token())
    answer = get(f"{base}/v1/{os.environ['SECRET']}/versions/current:access", headers)
    return base64.b64decode(answer["payload"]["data"]).decode()


def token() -> dict:
    return {"Authorization": "Bearer " + get(METADATA, {"Metadata-Flavor": "Google"})["access_token"]}


def get(url: str, headers: dict) -> dict:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return json.load(answer)
