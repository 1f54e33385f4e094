/** How the live page looks. */
import { css } from "lit";

export const livePageStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 100%;
  }
  header.page {
    margin-bottom: 0.875rem;
  }
  .tabs a {
    display: flex;
    align-items: center;
    gap: 0.5rem;
  }
  .lost {
    display: flex;
    align-items: center;
    gap: 0.875rem;
    margin-bottom: 0.875rem;
    padding: 0.75rem 1rem;
    border-radius: var(--u-radius);
    background: var(--u-fail-loud);
    color: #fff;
  }
  .lost ussop-icon {
    width: 2rem;
    height: 2rem;
  }
  .wall {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr));
    gap: 1rem;
  }
  .day {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5rem 2.5rem;
    margin-top: 1rem;
    padding: 0.75rem 1.25rem;
  }
  .day h2 {
    color: var(--u-quiet);
    font-size: 0.875rem;
  }
  .day dl {
    flex: 1;
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem 2.5rem;
  }
  .day dl div {
    display: flex;
    align-items: baseline;
    gap: 0.5rem;
  }
  .day dt {
    color: var(--u-quiet);
    font-size: 0.875rem;
  }
  .day dd {
    font-weight: 700;
    font-size: 1.125rem;
  }
`;
