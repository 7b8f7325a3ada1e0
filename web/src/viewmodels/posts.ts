/** Posts that are held in turn: who holds each, and taking one. */

import type { Post } from "../matrix/agency";
import { type Confirmation, isConfirmation } from "../matrix/confirmation";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

export interface Held {
  post: Post;
  person: Person;
  holder: Person | null;
}

interface State extends Doing {
  posts: Held[] | null;
  /** What is to be confirmed on a page before a post is taken: which one. */
  confirm: (Confirmation & { id: string }) | null;
}

export class PostsViewModel extends ActingViewModel<State> {
  /** `changeTo`: signs this browser in with a token, in place of its session. */
  constructor(
    private readonly matrix: Pick<SignedIn, "agency" | "people">,
    private readonly changeTo: (token: string) => Promise<void>,
  ) {
    super({ ...IDLE, posts: null, confirm: null });
    void this.act(() => this.look());
  }

  private async look(): Promise<void> {
    const { people } = this.matrix;
    const posts = await this.matrix.agency.posts();
    this.set({
      posts: posts.map((post) => ({
        post,
        person: people.person(post.user_id, post.display_name, null),
        holder: post.holder ? people.of(null, post.holder) : null,
      })),
    });
  }

  /** Takes one, or shows what is to be confirmed before; again, once that is done. */
  readonly take = (id: string): Promise<boolean> =>
    this.act(async () => {
      const { confirm } = this.now;
      this.set({ confirm: null }); // one that has ended is begun anew
      const answer = await this.matrix.agency.take(id, confirm?.id === id ? confirm.session : null);
      if (isConfirmation(answer)) this.set({ confirm: { ...answer, id } });
      else await this.changeTo(answer);
    });

  readonly forgo = (): void => this.set({ confirm: null });
}
