/** How the Inspect page looks. */
import { css } from "lit";

export const inspectPageStyles = css`
  .columns {
    display: grid;
    grid-template-columns: minmax(17rem, 21rem) minmax(0, 1fr);
    gap: 1.25rem;
    align-items: start;
  }
  .input,
  .output {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 1rem;
  }
  .form {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.875rem;
    padding: 1.125rem;
  }
  .drop {
    display: grid;
    justify-items: center;
    gap: 0.625rem;
    padding: 1.75rem 1rem;
    border: 2px dashed var(--u-line-strong);
    border-radius: var(--u-radius);
    text-align: center;
  }
  .drop.over {
    border-color: var(--u-accent);
    background: var(--u-accent-soft);
  }
  .drop > ussop-icon {
    width: 2rem;
    height: 2rem;
    color: var(--u-accent);
  }
  .jobs {
    max-height: 24rem;
    overflow: auto;
  }
  .jobs li {
    padding: 0.25rem;
    border-bottom: 1px solid var(--u-line);
  }
  .jobs li:last-child {
    border-bottom: 0;
  }
  .job {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 0.25rem 0.75rem;
    width: 100%;
    min-height: 2.75rem;
    padding: 0.375rem 0.625rem;
    border: 0;
    border-radius: 6px;
    background: none;
    color: inherit;
    font: inherit;
    text-align: left;
  }
  .job:not(:disabled) {
    cursor: pointer;
  }
  .job[aria-pressed="true"] {
    background: var(--u-accent-soft);
  }
  .job .name {
    overflow-wrap: anywhere;
  }
  .failed {
    color: var(--u-fail);
  }
  .progress {
    height: 0.375rem;
    margin: 0 0.625rem 0.375rem;
    border-radius: 3px;
    background: var(--u-sunken);
    overflow: hidden;
  }
  .progress span {
    display: block;
    height: 100%;
    background: var(--u-accent);
  }
  .nothing {
    display: grid;
    place-content: center;
    justify-items: center;
    gap: 0.75rem;
    min-height: 22rem;
  }
  .nothing ussop-icon {
    width: 3.5rem;
    height: 3.5rem;
    color: var(--u-line-strong);
  }
  @media (max-width: 1100px) {
    .columns {
      grid-template-columns: minmax(0, 1fr);
    }
    .output:has(ussop-result) {
      order: -1;
    }
    .nothing {
      display: none;
    }
  }
`;
