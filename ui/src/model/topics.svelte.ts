// The screen Topics: the tree, the messages of the topic that is selected there, and the widths of its panes.

import type { App } from "./app.svelte";
import { TopicMessages } from "./topicmessages.svelte";
import { TopicTree } from "./tree.svelte";

export class Topics {
  readonly tree: TopicTree;
  readonly messages: TopicMessages;
  treeWidth = $state(332);
  inspectorWidth = $state(348);

  constructor(app: App) {
    this.tree = new TopicTree(app.host, app);
    this.messages = new TopicMessages(app.host, app);
  }

  select(index: number): void {
    this.tree.select(index);
    this.messages.setTopic(this.tree.selected);
  }

  /** Another screen sent the user here. */
  async open(topic: string): Promise<number> {
    const at = this.tree.reveal(topic);
    this.messages.setTopic(topic);
    return at;
  }

  /** Escape: the message first, then the topic. */
  escape(): boolean {
    if (this.messages.selected !== undefined) this.messages.deselect();
    else if (this.tree.selected !== undefined) {
      this.tree.clearSelection();
      this.messages.setTopic(undefined);
    } else return false;
    return true;
  }
}
