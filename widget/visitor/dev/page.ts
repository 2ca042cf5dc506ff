// A page's storage for tests that run outside a browser.

class MemoryStorage {
  private readonly items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    this.items.delete(key);
  }
  clear(): void {
    this.items.clear();
  }
}

/** Makes window and its two storages global. */
export function page(): void {
  const storage = { localStorage: new MemoryStorage(), sessionStorage: new MemoryStorage() };
  Object.assign(globalThis, storage, { window: storage });
}
