// An OpenID Connect provider, the real one, with people who prove themselves by typing their name.
// usage: node provider.mjs PORT CALLBACK LOGOUT_URI
import Provider from "oidc-provider";

const [port, callback, logout] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "chappe", client_secret: "secret of chappe", redirect_uris: [callback], grant_types: ["authorization_code"],
    response_types: ["code"], backchannel_logout_uri: logout, backchannel_logout_session_required: true,
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["given_name", "usual_name", "name", "job", "organizational_unit", "phone_number"] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: true }, backchannelLogout: { enabled: true } },
  pkce: { required: () => true },
  fetch: (url, { dispatcher, ...options }) => fetch(url, options), // the tests are on loopback, which it avoids
  cookies: { keys: ["a", "b"] },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id, email: `${id}@old.example.org`, email_verified: !id.startsWith("unproven"), given_name: id, usual_name: "Martin", name: id,
      job: "Cheffe du service", organizational_unit: "Communication", phone_number: "+33 (0)1 23 45 67 89",
    }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("READY"));
