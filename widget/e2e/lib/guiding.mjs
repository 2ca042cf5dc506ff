// A visitor who shares a page and lets the agent do things on it, as the tests
// drive them.
import { until } from './people.mjs';

export function guiding(agent, visitor) {
  const mirrored = (label) => agent.mirror().getByLabel(label, { exact: true });
  return {
    mirrored,
    editor: agent.page.locator('.mirror-editor'),
    tool: (name) => agent.page.getByRole('radio', { name, exact: true }).click(),
    value: (label) => visitor.page.getByLabel(label, { exact: true }).inputValue(),
    /** Chooses a tool and has the visitor allow it. */
    async allowed(name) {
      await agent.page.getByRole('radio', { name, exact: true }).click();
      await visitor.page.getByRole('alertdialog').getByRole('button', { name: 'Allow' }).click();
      await agent.page.locator('.glass-asks').waitFor({ state: 'detached' });
    },
    /** Presses on the glass where an element of the mirror is. */
    async press(target) {
      await target.scrollIntoViewIfNeeded();
      const box = await target.boundingBox();
      await agent.page.mouse.click(box.x + Math.min(box.width / 2, 60), box.y + box.height / 2);
    },
    /** What is written in a field of the mirror once both sides have the same. */
    same: (what, target, mirror) =>
      until(
        what,
        async () => [await target.inputValue(), await mirror.inputValue()],
        ([theirs, ours]) => theirs === ours,
      ).then(([value]) => value),
  };
}
