import { type Configuration, findOrganisation, type Organisation } from "../matrix/configuration";
import type { Ended } from "../matrix/ended";
import { beginSignIn, SignInError } from "../matrix/session";
import { clock as browser, type Clock } from "../platform/clock";
import { ViewModel } from "./view_model";

export type SignInProblem = "empty" | "malformed" | "offline" | "other" | "refused" | "expired" | Ended | null;

/** Whom it asks before anybody has signed in. */
interface Server {
  findOrganisation: typeof findOrganisation;
  beginSignIn: typeof beginSignIn;
}

interface State {
  address: string;
  organisation: Organisation | null;
  looking: boolean;
  leaving: boolean;
  problem: SignInProblem;
}

const ADDRESS = /^[^\s@]+@[^\s@]+$/;
const NAME = /^@?[a-z0-9._=/+-]+(:[^\s]+)?$/i;

export class SignInViewModel extends ViewModel<State> {
  private asked: AbortController | null = null;
  private readonly looking = this.scope.timer();

  constructor(
    private readonly configuration: Configuration,
    private readonly language: () => string,
    private readonly leave: (url: string) => void,
    problem: SignInProblem = null,
    address = "",
    clock: Clock = browser,
    private readonly server: Server = { findOrganisation, beginSignIn },
  ) {
    super({ address, organisation: null, looking: false, leaving: false, problem }, clock);
    if (address) this.type(address);
  }

  readonly type = (address: string): void => {
    this.asked?.abort();
    this.looking.clear();
    const whole = /^[^\s@]+@[^\s@]+\.[^\s@.]{2,}$/.test(address.trim());
    this.set({ address, organisation: null, looking: whole, problem: address === this.now.address ? this.now.problem : null });
    if (whole) this.looking.set(250, () => void this.look(address.trim()));
  };

  private async look(address: string): Promise<Organisation | null> {
    this.asked = new AbortController();
    try {
      const organisation = await this.server.findOrganisation(address, this.asked.signal);
      this.set({ organisation, looking: false });
      return organisation;
    } catch (error) {
      if (!(error instanceof DOMException)) this.set({ looking: false });
      return null;
    }
  }

  readonly submit = async (create = false): Promise<void> => {
    const address = this.now.address.trim();
    if (this.now.leaving) return;
    if (!address && !create) return this.set({ problem: "empty" });
    if (address && !ADDRESS.test(address) && !NAME.test(address)) return this.set({ problem: "malformed" });
    this.looking.clear();
    const isAddress = /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address);
    const organisation = this.now.organisation ?? (isAddress ? await this.look(address) : null);
    if (organisation?.where === "unknown") return this.set({ organisation });
    if (organisation?.where === "elsewhere")
      return this.leave(`${organisation.url.replace(/\/$/, "")}/?address=${encodeURIComponent(address)}`);
    this.set({ leaving: true, problem: null });
    try {
      this.leave(await this.server.beginSignIn(address, this.configuration.brand.name, this.language(), create));
    } catch (error) {
      this.set({ leaving: false, problem: error instanceof SignInError && error.reason === "offline" ? "offline" : "other" });
    }
  };
}
