// Signs in as an application that knows OpenID Connect and nothing of Matrix: discovery, registration, code with PKCE, refresh.
// usage: node openid.mjs SERVER SCOPE; prints the address to open, reads the one that the browser was sent back to, prints the tokens
import { createInterface } from "node:readline/promises";
import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from "oidc-client-ts";

const [server, scope] = process.argv.slice(2);
const back = "https://admin.example.org/back";
const metadata = await (await fetch(`${server}/.well-known/openid-configuration`)).json();
const registration = {
  client_name: "Console", client_uri: "https://admin.example.org/", redirect_uris: [back], response_types: ["code"],
  grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "none", application_type: "web",
};
const registered = await fetch(metadata.registration_endpoint, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(registration),
});
const client = new OidcClient({
  authority: metadata.issuer, client_id: (await registered.json()).client_id, redirect_uri: back, scope, response_mode: "query",
  stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
});
console.log((await client.createSigninRequest({ state: { mine: 1 } })).url);
const lines = createInterface({ input: process.stdin });
const [address] = await new Promise((resolve) => lines.once("line", (line) => resolve([line])));
const first = await client.processSigninResponse(address);
const second = await client.useRefreshToken({
  state: { refresh_token: first.refresh_token, scope: first.scope, profile: first.profile, session_state: null },
});
console.log(JSON.stringify({ first: first.access_token, scope: first.scope, kept: first.userState, second: second.access_token }));
lines.close();
