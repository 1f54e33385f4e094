/** Rules that most components share; each takes them into its own style sheets. */
import { css } from "lit";

export const shared = css`
  :host {
    box-sizing: border-box;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h1 {
    font-size: 1.5rem;
    line-height: 1.2;
    letter-spacing: -0.01em;
  }
  h2 {
    font-size: 1.0625rem;
    line-height: 1.3;
  }
  h3 {
    font-size: 0.9375rem;
  }
  a {
    color: var(--u-accent);
  }
  :focus-visible {
    outline: 3px solid var(--u-accent);
    outline-offset: 2px;
    border-radius: 4px;
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .quiet {
    color: var(--u-quiet);
  }
  .small {
    font-size: 0.875rem;
  }
  .mono {
    font-family: var(--u-mono);
    font-size: 0.875em;
  }
  .card {
    background: var(--u-surface);
    border: 1px solid var(--u-line);
    border-radius: var(--u-radius);
    box-shadow: var(--u-shadow);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.75rem;
  }
  .spread {
    justify-content: space-between;
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;

/** A page: a title, tools beside it, and the room below. */
export const pageLayout = css`
  :host {
    display: block;
    padding: 1.25rem 1.5rem 2rem;
    max-width: 1600px;
    margin: 0 auto;
  }
  header.page {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 0.75rem 1.5rem;
    margin-bottom: 1.25rem;
    min-height: 2.5rem;
  }
  @media (max-width: 640px) {
    :host {
      padding: 1rem 0.875rem 1.5rem;
    }
  }
`;
