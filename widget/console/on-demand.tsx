// Screens that are loaded when they are opened first, because not everybody does,
// or when the page is idle, because the node may be gone by then.

import type { ComponentType } from 'preact';
import { ApiError } from './api.ts';
import { Failed, Loading, useLoad } from './ui.tsx';

/** A screen that load brings, or warm beforehand. What cannot be loaded was that of another version, if the node answers at all. */
export function onDemand(load: () => Promise<ComponentType>): ComponentType & { warm: () => void } {
  let screen: ComponentType | null = null;
  const bring = async (): Promise<void> => {
    screen ??= await load().catch(() => {
      throw new ApiError('version', '');
    });
  };
  function OnDemand() {
    const { got, again } = useLoad('screen', bring);
    const Screen = screen;
    if (Screen) return <Screen />;
    return (
      <main class="splash">{got.state === 'failed' ? <Failed error={got.error} again={again} /> : <Loading />}</main>
    );
  }
  OnDemand.warm = () => void bring().catch(() => undefined); // it is tried again when it is opened
  return OnDemand;
}
