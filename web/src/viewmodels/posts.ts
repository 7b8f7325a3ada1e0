/** Posts that are held in turn: who holds each, and taking one. */

import type { Post } from "../matrix/agency";
import type { Matrix } from "../matrix/matrix";
import type { Person } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

export interface Held {
  post: Post;
  person: Person;
  holder: Person | null;
}

interface State extends Doing {
  posts: Held[] | null;
}

export class PostsViewModel extends ActingViewModel<State> {
  /** `changeTo`: signs this browser out, and in with a token. */
  constructor(
    private readonly matrix: Matrix,
    private readonly changeTo: (token: string) => Promise<void>,
  ) {
    super({ ...IDLE, posts: null });
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

  readonly take = (id: string): Promise<boolean> => this.act(async () => this.changeTo(await this.matrix.agency.take(id)));
}
