// Which transport won last, remembered for a day: where UDP is blocked, no page
// load waits for WebTransport again. Storage may be forbidden; then nothing is
// remembered.
export type TransportName = 'webtransport' | 'websocket';

const key = 'kohe.transport';
const day = 86_400_000; // ms

export function preferredTransport(): TransportName | null {
  try {
    const [name, at] = (localStorage.getItem(key) ?? '').split('@');
    return (name === 'websocket' || name === 'webtransport') && Date.now() - Number(at) < day ? name : null;
  } catch {
    return null;
  }
}

export function rememberTransport(name: TransportName): void {
  try {
    localStorage.setItem(key, `${name}@${Date.now()}`);
  } catch {}
}

export function forgetTransport(): void {
  try {
    localStorage.removeItem(key);
  } catch {}
}
