/** What the owner of an account confirms on a page of the server ("User-interactive authentication"). */
export interface Confirmation {
  session: string;
  page: string;
}

export const isConfirmation = (answer: unknown): answer is Confirmation =>
  typeof answer === "object" && answer !== null && "session" in answer && "page" in answer;
