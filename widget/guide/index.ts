// The module that a visitor's page loads when the first level is granted.
export { Guide } from './guide.ts';
