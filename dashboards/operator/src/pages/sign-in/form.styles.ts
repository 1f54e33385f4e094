/** The card in the middle that sign-in and the new password share. */
import { css } from "lit";

export const formStyles = css`
  :host {
    display: grid;
    place-content: center;
    min-height: 100dvh;
    padding: 1rem;
    background: radial-gradient(circle at 50% 0, var(--u-accent-soft), transparent 60%), var(--u-ground);
  }
  form {
    display: grid;
    gap: 1.125rem;
    width: min(24rem, calc(100vw - 2rem));
    padding: 2rem 1.75rem 1.75rem;
  }
  .brand {
    display: flex;
    align-items: center;
    gap: 0.75rem;
  }
  .brand img {
    width: 2.75rem;
    height: 2.75rem;
  }
  .brand b {
    display: block;
    font-size: 1.375rem;
    line-height: 1.2;
  }
  .problem {
    display: flex;
    gap: 0.5rem;
    padding: 0.625rem 0.75rem;
    border-radius: 8px;
    background: var(--u-fail-soft);
    color: var(--u-fail);
  }
  :host([again]) {
    min-height: 0;
    padding: 0;
    background: none;
  }
  :host([again]) form {
    width: auto;
    padding: 0;
    border: 0;
    box-shadow: none;
  }
`;
