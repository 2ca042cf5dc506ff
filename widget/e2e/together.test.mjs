// A visitor and an agent in one form, and in one field of it at once.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { clean } from './lib/axe.mjs';
import { launchChromium } from './lib/browsers.mjs';
import { guiding } from './lib/guiding.mjs';
import { startNode } from './lib/node.mjs';
import { openAgent, openVisitor, until } from './lib/people.mjs';

describe('filling in together', { timeout: 180_000 }, () => {
  let browser, node, agent, visitor, guide;

  before(async () => {
    node = await startNode();
    browser = await launchChromium();
    agent = await openAgent(browser, node);
    await agent.serve();
    visitor = await openVisitor(browser, node);
    await visitor.ask('Liis');
    await agent.accept();
    await visitor.allow();
    await visitor.at('loan.html');
    guide = guiding(agent, visitor);
    await guide.mirrored('Full name').waitFor({ state: 'attached' });
    await guide.allowed('Fill in');
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });

  const name = () => visitor.page.getByLabel('Full name', { exact: true });
  const open = async (label) => {
    await guide.press(guide.mirrored(label));
    await guide.editor.waitFor();
  };

  test('both type in one field at once, and both have the same in the end', async () => {
    await name().fill('-');
    await until(
      'the mirror',
      () => guide.mirrored('Full name').inputValue(),
      (text) => text === '-',
    );
    await open('Full name');
    await guide.editor.press('End');
    await name().focus();
    await name().press('Home');
    let seed = 39_595; // with which the two carets pass each other
    const random = (n) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return (seed >>> 8) % n;
    };
    const type = async (field, letter) => {
      for (let i = 0; i < 40; i++) {
        if (random(8) === 0) await field.press(random(2) ? 'ArrowLeft' : 'ArrowRight');
        await field.press(letter);
        await new Promise((done) => setTimeout(done, random(60)));
      }
    };
    await Promise.all([type(guide.editor, 'a'), type(name(), 'v')]);
    // What the agent typed last may still be on its way when the field and the mirror are alike for the first time.
    const [value] = await until(
      'the field, the mirror and the editor',
      async () => [
        await name().inputValue(),
        await guide.mirrored('Full name').inputValue(),
        await guide.editor.inputValue(),
      ],
      ([theirs, mirrored, ours]) => theirs === mirrored && mirrored === ours,
    );
    await agent.page.waitForTimeout(700);
    assert.equal(await guide.same('one value still', name(), guide.mirrored('Full name')), value);
    assert.equal(await guide.editor.inputValue(), value);
    const count = (letter) => value.split(letter).length - 1;
    assert.equal(count('v'), 40, `the visitor's own text is never lost: ${value}`);
    assert.ok(count('a') >= 30, `hardly anything of the agent's is lost: ${value}`);
    await agent.page.keyboard.press('Escape');
  });

  test('the agent’s editor follows the visitor, and its caret stays where it is in the text', async () => {
    await name().fill('Lill');
    await until(
      'the mirror',
      () => guide.mirrored('Full name').inputValue(),
      (text) => text === 'Lill',
    );
    await open('Full name');
    await guide.editor.press('End');
    await name().press('Home');
    await name().pressSequentially('Liis ');
    await until(
      'the editor',
      () => guide.editor.inputValue(),
      (text) => text === 'Liis Lill',
    );
    assert.equal(await guide.editor.evaluate((el) => el.selectionStart), 'Liis Lill'.length);
    await guide.editor.pressSequentially('e');
    await until(
      'the visitor’s field',
      () => name().inputValue(),
      (text) => text === 'Liis Lille',
    );
    assert.equal(await name().evaluate((el) => el.selectionStart), 'Liis '.length, 'the visitor’s caret moved');
    await agent.page.keyboard.press('Escape');
  });

  test('the visitor sees whose text it is, and takes it back', async () => {
    const email = visitor.page.getByLabel('E-mail', { exact: true });
    await email.fill('liis@pood.example');
    await until(
      'the mirror',
      () => guide.mirrored('E-mail').inputValue(),
      (text) => text === 'liis@pood.example',
    );
    await open('E-mail');
    await guide.editor.fill('mari@pood.example');
    await until(
      'the visitor’s field',
      () => email.inputValue(),
      (text) => text === 'mari@pood.example',
    );
    const tag = visitor.page.locator('.filled-by');
    await tag.getByText('Mari').waitFor();
    await clean('a field with a name at it', visitor.page);
    await clean('a field that is filled in', agent.page);
    await email.fill('liis@pood.example'); // looking at both took its time: begin again
    await until(
      'the visitor’s text in the editor',
      () => guide.editor.inputValue(),
      (text) => text === 'liis@pood.example',
    );
    await tag.waitFor({ state: 'hidden' });
    await guide.editor.fill('mari@pood.example');
    await guide.editor.press('End');
    await guide.editor.press('Backspace');
    await guide.editor.press('k');
    await until(
      'the agent’s last key',
      () => email.inputValue(),
      (text) => text === 'mari@pood.examplk',
    );
    await email.focus();
    await email.press('End');
    await email.pressSequentially('.ee');
    await until(
      'what the visitor added, in the editor',
      () => guide.editor.inputValue(),
      (text) => text === 'mari@pood.examplk.ee',
    );
    await guide.editor.press('End');
    for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'x']) await guide.editor.press(key);
    await until(
      'the agent’s key after the visitor’s',
      () => email.inputValue(),
      (text) => text === 'mari@pood.examplkx.ee',
    );
    await tag.getByRole('button', { name: 'Undo' }).click();
    await until(
      'what was there, with what the visitor added',
      () => email.inputValue(),
      (text) => text === 'liis@pood.example.ee',
    );
    await until(
      'the editor follows',
      () => guide.editor.inputValue(),
      (text) => text === 'liis@pood.example.ee',
    );
    assert.equal(await email.evaluate((el) => el === document.activeElement), true, 'the visitor’s focus moved');
    await agent.page.keyboard.press('Escape');
  });

  test('a field hears that it was left, and complains, while the visitor’s focus stays', async () => {
    const income = visitor.page.getByLabel('Income a month, €', { exact: true });
    await name().focus();
    await open('Income a month, €');
    await guide.editor.fill('12');
    await until(
      'the value',
      () => income.inputValue(),
      (text) => text === '12',
    );
    await agent.page.keyboard.press('Enter');
    await until(
      'the complaint',
      () => income.getAttribute('aria-invalid'),
      (said) => said === 'true',
    );
    assert.equal(await name().evaluate((el) => el === document.activeElement), true);
  });

  test('choices and sliders', async () => {
    await open('Work');
    await guide.editor.selectOption('Retired');
    await until(
      'the choice',
      () => guide.value('Work'),
      (text) => text === 'Retired',
    );
    await agent.page.keyboard.press('Escape');
    await guide.press(agent.mirror().locator('#l-months'));
    await guide.editor.fill('36');
    await until(
      'the slider',
      () => visitor.page.locator('#l-months').inputValue(),
      (text) => text === '36',
    );
    await until(
      'what the page makes of it',
      () => visitor.page.locator('#l-months-out').textContent(),
      (text) => text === '36',
    );
    await agent.page.keyboard.press('Escape');
  });

  test('fields of every kind', async () => {
    await visitor.context.grantPermissions(['local-network-access']); // see lib/frameworks.mjs
    await visitor.context.route('**/shop/kinds', (route) =>
      route.fulfill({
        contentType: 'text/html; charset=utf-8',
        body: `<!doctype html><html lang="en"><title>Kinds</title><style>label,input,select,div{display:block;margin:6px}</style>
          <script async src="${node.base}/kohe.js" data-site="demo"></script><h1>Kinds</h1>
          <label>Time<input type="time"></label><label>Month<input type="month"></label>
          <label>Moment<input type="datetime-local"></label><label>Colour<input type="color"></label>
          <label>Number<input type="number" max="50"></label><label>Short<input maxlength="5"></label>
          <label>Area<textarea></textarea></label>
          <fieldset><legend>Size</legend><label><input type="radio" name="size" checked>Small</label>
          <label><input type="radio" name="size">Medium</label><label><input type="radio" name="size">Large</label></fieldset><label><input type="radio" name="colour">Red</label>
          <select multiple size="3" aria-label="Several"><option value="a">A</option><option value="b">B</option><option disabled value="c">C</option></select>
          <div contenteditable role="textbox" aria-label="Rich" style="min-height:40px;width:300px"><b>Bold</b> and plain</div></html>`,
      }),
    );
    await visitor.at('kinds');
    await visitor.page.getByRole('button', { name: 'Minimise' }).click();
    await agent.mirror().getByRole('heading', { name: 'Kinds' }).waitFor({ state: 'attached' });
    await guide.mirrored('Rich').waitFor({ state: 'attached' });
    for (const [label, text] of [
      ['Time', '12:30'],
      ['Month', '2027-06'],
      ['Moment', '2027-06-01T12:30'],
      ['Colour', '#336699'],
      ['Number', '42'],
      ['Short', 'Liis'],
      ['Area', 'one\ntwo'],
    ]) {
      await open(label);
      await guide.editor.fill(text);
      await until(
        label,
        () => guide.value(label),
        (value) => value === text,
      );
      await agent.page.keyboard.press('Escape');
      await guide.editor.waitFor({ state: 'detached' });
    }
    await open('Several');
    await guide.editor.selectOption(['a', 'b']);
    const several = () =>
      visitor.page.getByLabel('Several').evaluate((el) => [...el.selectedOptions].map((o) => o.value).join());
    await until('the options', several, (chosen) => chosen === 'a,b');
    await agent.page.keyboard.press('Escape');
    const undo = visitor.page.getByRole('button', { name: 'Undo' });
    const ticked = (label) => visitor.page.getByRole('radio', { name: label }).isChecked();
    for (const [labels, was] of [
      [['Large', 'Medium'], 'Small'],
      [['Red'], null],
    ]) {
      for (const label of labels) {
        await guide.press(guide.mirrored(label));
        await until(label, () => ticked(label), Boolean);
      }
      const label = labels.at(-1);
      await undo.click();
      await until(
        `no ${label}`,
        () => ticked(label),
        (on) => !on,
      );
      if (was) assert.equal(await ticked(was), true, 'what was chosen before is chosen again');
    }
    const rich = visitor.page.getByRole('textbox', { name: 'Rich' });
    await open('Rich');
    await guide.editor.press('End');
    await guide.editor.pressSequentially(' text', { delay: 30 });
    await until(
      'the text',
      () => rich.textContent(),
      (text) => text === 'Bold and plain text',
    );
    assert.equal(await rich.locator('b').textContent(), 'Bold', 'what is formatted stays so');
    await agent.page.keyboard.press('Escape');
  });
});
