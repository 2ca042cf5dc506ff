// Screens that are loaded when they are opened first: not everybody does.

import type { ComponentType } from 'preact';
import { ApiError } from './api.ts';
import { Failed, Loading, useLoad } from './ui.tsx';

/** A screen that load brings. What cannot be loaded was that of another version, if the node answers at all. */
export function onDemand(load: () => Promise<ComponentType>): ComponentType {
  let screen: ComponentType | null = null;
  return function OnDemand() {
    const { got, again } = useLoad('screen', async () => {
      screen ??= await load().catch(() => {
        throw new ApiError('version', '');
      });
    });
    const Screen = screen;
    if (Screen) return <Screen />;
    return (
      <main class="splash">{got.state === 'failed' ? <Failed error={got.error} again={again} /> : <Loading />}</main>
    );
  };
}
