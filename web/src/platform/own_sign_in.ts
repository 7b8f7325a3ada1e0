/** Tells the pages of the server that this client begins a sign-in: no other site can. Else they ask whether it may. */
export function announceSignIn(challenge: string): void {
  const isSecure = location.protocol === "https:";
  const name = isSecure ? "__Host-chappe_challenge" : "chappe_challenge";
  // biome-ignore lint/suspicious/noDocumentCookie: the CookieStore API is not in every browser, nor without TLS
  document.cookie = `${name}=${challenge}; Path=/; Max-Age=3600; SameSite=Lax${isSecure ? "; Secure" : ""}`;
}
