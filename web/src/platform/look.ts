/** Tells the pages of the server how somebody has chosen to see this client: they are to look alike. */
export function announceLook(words: string[]): void {
  const isSecure = location.protocol === "https:";
  const name = isSecure ? "__Host-chappe_look" : "chappe_look";
  // biome-ignore lint/suspicious/noDocumentCookie: the CookieStore API is not in every browser, nor without TLS
  document.cookie = `${name}=${words.join(".")}; Path=/; Max-Age=31536000; SameSite=Lax${isSecure ? "; Secure" : ""}`;
}
