// A form of React's: every field is controlled, what is wrong is said once the field was left.
import { createElement as h, useState } from 'react';
import { createRoot } from 'react-dom/client';

function Form() {
  const [model, setModel] = useState({ name: '', plan: 'small', terms: false, by: 'post', day: '' });
  const [touched, setTouched] = useState(false);
  const put = (name, read) => (event) => setModel((was) => ({ ...was, [name]: read(event.target) }));
  const value = ({ value }) => value;
  const short = touched && model.name.trim().length < 3;
  const radio = (by, label) =>
    h(
      'label',
      {},
      h('input', { type: 'radio', name: 'by', checked: model.by === by, onChange: put('by', () => by) }),
      label,
    );
  return h(
    'form',
    {},
    h('label', { htmlFor: 'name' }, 'Full name'),
    h('input', { id: 'name', value: model.name, onChange: put('name', value), onBlur: () => setTouched(true) }),
    short && h('p', { role: 'alert' }, 'Too short'),
    h('label', { htmlFor: 'plan' }, 'Plan'),
    h(
      'select',
      { id: 'plan', value: model.plan, onChange: put('plan', value) },
      h('option', { value: 'small' }, 'Small'),
      h('option', { value: 'large' }, 'Large'),
    ),
    h(
      'label',
      {},
      h('input', { type: 'checkbox', checked: model.terms, onChange: put('terms', (el) => el.checked) }),
      'Terms',
    ),
    radio('post', 'By post'),
    radio('mail', 'By e-mail'),
    h('label', { htmlFor: 'day' }, 'Day'),
    h('input', { id: 'day', type: 'date', value: model.day, onChange: put('day', value) }),
    h('button', { type: 'button', onClick: () => setModel({ ...model, name: '' }) }, 'Clear'),
    h('pre', { id: 'model' }, JSON.stringify(model)),
  );
}

createRoot(document.getElementById('app')).render(h(Form));
