// A form of Vue's, with v-model in all its kinds.
import { createApp } from 'vue/dist/vue.esm-bundler.js';

const template = `<form>
  <label for="name">Full name</label><input id="name" v-model="model.name" @blur="touched = true">
  <p v-if="touched && model.name.trim().length < 3" role="alert">Too short</p>
  <label for="plan">Plan</label>
  <select id="plan" v-model="model.plan"><option value="small">Small</option><option value="large">Large</option></select>
  <label><input type="checkbox" v-model="model.terms">Terms</label>
  <label><input type="radio" value="post" v-model="model.by">By post</label>
  <label><input type="radio" value="mail" v-model="model.by">By e-mail</label>
  <label for="day">Day</label><input id="day" type="date" v-model="model.day">
  <button type="button" @click="model.name = ''">Clear</button>
  <pre id="model">{{ JSON.stringify(model) }}</pre>
</form>`;

createApp({
  template,
  data: () => ({ touched: false, model: { name: '', plan: 'small', terms: false, by: 'post', day: '' } }),
}).mount('#app');
