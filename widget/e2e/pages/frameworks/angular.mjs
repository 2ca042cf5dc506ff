// A form of Angular's, reactive and without zone.js, compiled in the browser.
import '@angular/compiler';
import { JsonPipe } from '@angular/common';
import { Component, provideZonelessChangeDetection } from '@angular/core';
import { FormControl, FormGroup, ReactiveFormsModule, Validators } from '@angular/forms';
import { bootstrapApplication } from '@angular/platform-browser';

const template = `<form [formGroup]="form">
  <label for="name">Full name</label><input id="name" formControlName="name">
  @if (name.touched && name.invalid) { <p role="alert">Too short</p> }
  <label for="plan">Plan</label>
  <select id="plan" formControlName="plan"><option value="small">Small</option><option value="large">Large</option></select>
  <label><input type="checkbox" formControlName="terms">Terms</label>
  <label><input type="radio" value="post" formControlName="by">By post</label>
  <label><input type="radio" value="mail" formControlName="by">By e-mail</label>
  <label for="day">Day</label><input id="day" type="date" formControlName="day">
  <button type="button" (click)="name.setValue('')">Clear</button>
  <pre id="model">{{ form.value | json }}</pre>
</form>`;

class Form {
  name = new FormControl('', [Validators.required, Validators.minLength(3)]);
  form = new FormGroup({
    name: this.name,
    plan: new FormControl('small'),
    terms: new FormControl(false),
    by: new FormControl('post'),
    day: new FormControl(''),
  });
}
Component({ selector: 'demo-form', imports: [ReactiveFormsModule, JsonPipe], template })(Form);

document.getElementById('app').append(document.createElement('demo-form'));
bootstrapApplication(Form, { providers: [provideZonelessChangeDetection()] });
