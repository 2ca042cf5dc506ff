// Which screen is open, kept in the address so that reload and back work:
// #desk/SESSION, #visitors, #history/SESSION, #cards, #nodes.

export type Screen = 'desk' | 'visitors' | 'history' | 'cards' | 'nodes';

export interface Route {
  screen: Screen;
  session: string | null;
}

const screens: readonly Screen[] = ['desk', 'visitors', 'history', 'cards', 'nodes'];

/** Reads a location hash; what is none of ours is the desk. */
export function parseRoute(hash: string): Route {
  const [name = '', session = ''] = hash.replace(/^#/, '').split('/');
  const screen = screens.find((s) => s === name) ?? 'desk';
  return {
    screen,
    session: (screen === 'desk' || screen === 'history') && /^[a-z2-7]{26}$/.test(session) ? session : null,
  };
}

export function formatRoute({ screen, session }: Route): string {
  return session ? `#${screen}/${session}` : `#${screen}`;
}
