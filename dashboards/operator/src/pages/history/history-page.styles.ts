/** How the history looks. */
import { css } from "lit";

const columns = css`10rem minmax(11rem, 1.3fr) minmax(7rem, 1fr) minmax(7rem, 1fr) minmax(7rem, 1.4fr) 6.5rem`;

export const historyPageStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    height: 100%;
    padding-bottom: 1rem;
  }
  .filters {
    display: flex;
    flex-wrap: wrap;
    align-items: end;
    gap: 0.875rem 1rem;
    margin-bottom: 1rem;
  }
  .filters wa-select {
    width: 16rem;
    max-width: 100%;
  }
  .filters .field {
    width: 11rem;
  }
  .chips {
    display: flex;
    flex-wrap: wrap;
    gap: 0.375rem;
  }
  .chip {
    display: flex;
    align-items: center;
    gap: 0.375rem;
    min-height: 2.75rem;
    padding: 0 0.875rem;
    border: 1px solid var(--u-line-strong);
    border-radius: 999px;
    background: var(--u-surface);
    color: var(--u-text);
    font: inherit;
    font-weight: 550;
    cursor: pointer;
  }
  .chip[aria-pressed="true"] {
    border-color: var(--u-accent);
    background: var(--u-accent-soft);
    color: var(--u-accent);
  }
  .table {
    flex: 1;
    display: flex;
    flex-direction: column;
    min-height: 22rem;
    height: 0;
    overflow: hidden;
  }
  .head,
  .row-line {
    display: grid;
    grid-template-columns: ${columns};
    align-items: center;
    gap: 0.75rem;
    padding: 0 1rem;
  }
  .head {
    min-height: 2.5rem;
    border-bottom: 1px solid var(--u-line);
    font-size: 0.8125rem;
    font-weight: 600;
    color: var(--u-quiet);
    scrollbar-gutter: stable;
    overflow: hidden;
  }
  .head span:last-child,
  .row-line span:last-child {
    text-align: right;
  }
  .rows {
    flex: 1;
    overflow-y: auto;
    scrollbar-gutter: stable;
  }
  .all {
    position: relative;
    overflow: hidden;
  }
  .seen {
    position: absolute;
    inset: 0 0 auto;
  }
  .row-line {
    height: 56px;
    border-bottom: 1px solid var(--u-line);
    color: inherit;
    text-decoration: none;
  }
  .row-line > span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  a.row-line:hover {
    background: var(--u-sunken);
  }
  .row-line:focus-visible {
    outline-offset: -3px;
  }
  @media (max-width: 860px) {
    .head {
      display: none;
    }
    .keys {
      display: none;
    }
    .row-line {
      grid-template-columns: 7.75rem minmax(0, 1fr) auto;
      gap: 0.375rem;
      padding: 0 0.75rem;
    }
    .row-line > :first-child ussop-icon {
      display: none;
    }
    .row-line > :nth-child(3),
    .row-line > :nth-child(5),
    .row-line > :nth-child(6) {
      display: none;
    }
    .row-line > :nth-child(2) {
      max-width: 7.5rem;
      white-space: normal;
      text-align: right;
      font-size: 0.75rem;
      line-height: 1.25;
      order: 1;
    }
  }
`;
