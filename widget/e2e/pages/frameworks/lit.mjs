// A form in a web component's shadow root, drawn by Lit.
import { html, LitElement } from 'lit';

class DemoForm extends LitElement {
  static properties = { model: { state: true }, touched: { state: true } };

  constructor() {
    super();
    this.model = { name: '', plan: 'small', terms: false, by: 'post', day: '' };
    this.touched = false;
  }

  put(name, value) {
    this.model = { ...this.model, [name]: value };
  }

  render() {
    const { model } = this;
    const short = this.touched && model.name.trim().length < 3;
    const radio = (by, label) => html`<label
      ><input type="radio" name="by" .checked=${model.by === by} @change=${() => this.put('by', by)} />${label}</label
    >`;
    return html`<form>
      <label for="name">Full name</label>
      <input
        id="name"
        .value=${model.name}
        @input=${(event) => this.put('name', event.target.value)}
        @blur=${() => {
          this.touched = true;
        }}
      />
      ${short ? html`<p role="alert">Too short</p>` : ''}
      <label for="plan">Plan</label>
      <select id="plan" .value=${model.plan} @change=${(event) => this.put('plan', event.target.value)}>
        <option value="small">Small</option>
        <option value="large">Large</option>
      </select>
      <label
        ><input type="checkbox" .checked=${model.terms} @change=${(event) => this.put('terms', event.target.checked)} />Terms</label
      >
      ${radio('post', 'By post')}${radio('mail', 'By e-mail')}
      <label for="day">Day</label>
      <input id="day" type="date" .value=${model.day} @change=${(event) => this.put('day', event.target.value)} />
      <button type="button" @click=${() => this.put('name', '')}>Clear</button>
      <pre id="model">${JSON.stringify(model)}</pre>
    </form>`;
  }
}

customElements.define('demo-form', DemoForm);
document.getElementById('app').append(document.createElement('demo-form'));
