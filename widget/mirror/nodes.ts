import { isElement, isText } from '../native.ts';

const key: unique symbol = Symbol('kohe');
type Stamped = Node & { [key]?: number };

export type Parent = Document | DocumentFragment | Element;

/** A node's id, 0 for what is not of the page (an agent's extension may have put it there). */
export const idOf = (node: Node | null): number => (node as Stamped | null)?.[key] ?? 0;

/** The page's nodes by their ids. */
export class Nodes {
  readonly #nodes = new Map<number, Node>();

  get(id: number): Node | undefined {
    return this.#nodes.get(id);
  }

  element(id: number): Element | undefined {
    const node = this.#nodes.get(id);
    return isElement(node) ? node : undefined;
  }

  parent(id: number): Parent | undefined {
    const node = this.#nodes.get(id);
    return node && !isText(node) ? (node as Parent) : undefined;
  }

  /** Takes in a new node; an id that is taken stays with the node that has it. */
  add(id: number, node: Node): void {
    if (id > 0 && !this.#nodes.has(id)) this.set(id, node);
  }

  /** Has another node in an id's place. */
  set(id: number, node: Node): void {
    this.#nodes.set(id, node);
    (node as Stamped)[key] = id;
  }

  all(): Iterable<Node> {
    return this.#nodes.values();
  }

  delete(id: number): void {
    this.#nodes.delete(id);
  }
}
