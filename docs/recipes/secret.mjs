// The credential that counts now: the payload of `current`, a URL with user and password.
const METADATA = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";

// SECRET is `projects/my-project/secrets/db-app-url`. The endpoint is another one in tests only.
export async function secret() {
  const endpoint = process.env.SECRETS_ENDPOINT;
  const base = endpoint ?? "https://secretmanager.googleapis.com";
  const headers = endpoint ? {} : { Authorization: `Bearer ${(await get(METADATA, { "Metadata-Flavor": "Google" })).access_token}` };
  const answer = await get(`${base}/v1/${process.env.SECRET}/versions/current:access`, headers);
  return new URL(Buffer.from(answer.payload.data, "base64").toString());
}

async function get(url, headers) {
  const answer = await fetch(url, { headers });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

export async function credential() {
  const url = await secret();
  return {
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    host: url.hostname,
    port: Number(url.port),
    database: url.pathname.slice(1),
  };
}
