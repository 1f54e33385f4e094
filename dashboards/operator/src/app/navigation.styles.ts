/** How the navigation looks. */
import { css } from "lit";

export const navigationStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    width: 14.5rem;
    height: 100dvh;
    background: var(--u-surface);
    border-right: 1px solid var(--u-line);
  }
  .bar {
    display: contents;
  }
  .brand {
    order: 0;
    display: flex;
    align-items: center;
    gap: 0.625rem;
    padding: 1.125rem 1.125rem 0.75rem;
    font-size: 1.25rem;
    font-weight: 750;
    letter-spacing: -0.01em;
    color: var(--u-text);
    text-decoration: none;
  }
  .brand img {
    width: 2rem;
    height: 2rem;
  }
  nav {
    order: 1;
    flex: 1;
    display: flex;
    flex-direction: column;
    gap: 0.125rem;
    padding: 0.5rem 0.625rem;
    overflow-y: auto;
  }
  .entry {
    position: relative;
    display: flex;
    align-items: center;
    gap: 0.75rem;
    min-height: 2.875rem;
    padding: 0.5rem 0.75rem;
    border: 0;
    border-radius: 8px;
    background: none;
    font: inherit;
    font-weight: 550;
    color: var(--u-quiet);
    text-decoration: none;
    cursor: pointer;
  }
  .entry:hover {
    background: var(--u-sunken);
    color: var(--u-text);
  }
  .entry[aria-current] {
    background: var(--u-accent-soft);
    color: var(--u-accent);
  }
  .count {
    margin-left: auto;
    min-width: 1.5rem;
    padding: 0.0625rem 0.375rem;
    border-radius: 999px;
    background: var(--u-fail-loud);
    color: #fff;
    font-size: 0.8125rem;
    font-weight: 700;
    text-align: center;
  }
  .phone {
    display: none;
  }
  .state {
    order: 2;
    padding: 0.5rem 1.125rem;
  }
  .link {
    display: flex;
    align-items: center;
    gap: 0.5rem;
    font-size: 0.875rem;
    color: var(--u-quiet);
  }
  .lamp {
    width: 0.625rem;
    height: 0.625rem;
    border-radius: 50%;
    background: var(--u-none);
  }
  .live .lamp,
  .polling .lamp {
    background: var(--u-pass);
  }
  .polling .lamp {
    background: transparent;
    border: 2px solid var(--u-pass);
  }
  .lost {
    color: var(--u-fail);
    font-weight: 650;
  }
  .lost .lamp {
    border-radius: 2px;
    background: var(--u-fail);
  }
  .tools {
    order: 3;
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.25rem;
    padding: 0.5rem 0.625rem 0.75rem;
    border-top: 1px solid var(--u-line);
  }
  .tools wa-dropdown:last-child {
    order: -1;
    flex: 1 1 100%;
    min-width: 0;
  }
  .tool {
    display: grid;
    place-content: center;
    min-width: 2.75rem;
    min-height: 2.75rem;
    border: 0;
    border-radius: 8px;
    background: none;
    color: var(--u-quiet);
    font: inherit;
    cursor: pointer;
  }
  .tool:hover {
    background: var(--u-sunken);
    color: var(--u-text);
  }
  .account {
    display: flex;
    align-items: center;
    gap: 0.625rem;
    padding: 0 0.5rem;
    max-width: 13rem;
  }
  .face {
    flex: none;
    display: grid;
    place-content: center;
    width: 2rem;
    height: 2rem;
    border-radius: 50%;
    background: var(--u-accent-soft);
    color: var(--u-accent);
    font-weight: 700;
  }
  .who {
    display: grid;
    text-align: left;
    line-height: 1.2;
    min-width: 0;
  }
  .who b,
  .who small {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .who b {
    font-size: 0.875rem;
    color: var(--u-text);
  }
  .who small {
    font-size: 0.75rem;
  }
  /* A kiosk of 1280 x 720: every page is there without scrolling. */
  @media (min-width: 861px) and (max-height: 820px) {
    .brand {
      padding-block: 0.875rem 0.375rem;
    }
    nav {
      gap: 0;
      padding-block: 0.25rem;
    }
    .entry {
      min-height: 2.5rem;
      padding-block: 0.25rem;
    }
    .tools {
      flex-wrap: nowrap;
      padding-block: 0.375rem 0.5rem;
    }
    .tools wa-dropdown:last-child {
      flex: 1 1 0;
    }
    .tool {
      min-width: 2.5rem;
    }
    .account {
      gap: 0.375rem;
      padding-inline: 0.25rem;
    }
    .who small {
      font-size: 0.6875rem;
    }
  }
  @media (min-width: 861px) and (max-width: 1100px), (min-width: 861px) and (max-height: 560px) {
    :host {
      width: 4.75rem;
    }
    .brand span,
    .name,
    .word,
    .who {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .entry,
    .brand,
    .state {
      justify-content: center;
      padding-inline: 0;
      margin: 0;
    }
    .link {
      justify-content: center;
    }
    .entry .count {
      position: absolute;
      top: 0.25rem;
      right: 0.25rem;
    }
    .tools {
      flex-direction: column;
    }
  }
  @media (max-width: 860px) {
    .bar {
      grid-row: 1;
      display: flex;
      align-items: center;
      gap: 0.5rem;
      padding: 0.25rem 0.5rem 0.25rem 0.875rem;
      background: var(--u-surface);
      border-bottom: 1px solid var(--u-line);
    }
    .brand {
      padding: 0;
      font-size: 1.0625rem;
    }
    .brand img {
      width: 1.75rem;
      height: 1.75rem;
    }
    .state {
      margin-left: auto;
      padding: 0;
    }
    .tools {
      flex-wrap: nowrap;
      border: 0;
      padding: 0;
      gap: 0;
    }
    .tools wa-dropdown:last-child {
      order: 0;
    }
    .who {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    nav {
      grid-row: 3;
      display: grid;
      grid-auto-flow: column;
      grid-auto-columns: minmax(0, 1fr);
      gap: 0;
      padding: 0.25rem 0.25rem max(0.25rem, env(safe-area-inset-bottom));
      background: var(--u-surface);
      border-top: 1px solid var(--u-line);
      overflow: visible;
    }
    .entry {
      flex-direction: column;
      justify-content: center;
      gap: 0.125rem;
      width: 100%;
      min-height: 3.25rem;
      padding: 0.25rem;
      font-size: 0.75rem;
    }
    .entry .name {
      max-width: 100%;
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .entry .count {
      position: absolute;
      top: 0.125rem;
      left: calc(50% + 0.375rem);
      min-width: 1.25rem;
      font-size: 0.6875rem;
    }
    .wide {
      display: none;
    }
    .phone {
      display: block;
    }
  }
`;
