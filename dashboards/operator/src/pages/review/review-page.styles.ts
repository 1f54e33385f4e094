/** How the Review page looks. */
import { css } from "lit";

export const reviewPageStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    height: 100%;
    max-width: none;
    padding: 1rem 1.25rem;
  }
  header.page {
    margin-bottom: 0.75rem;
  }
  .desk {
    flex: 1;
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) 19rem;
    gap: 0.75rem;
    min-height: 0;
  }
  .tools {
    display: flex;
    flex-direction: column;
    gap: 0.25rem;
    padding: 0.375rem;
    overflow-y: auto;
  }
  .tool {
    position: relative;
    display: grid;
    place-content: center;
    flex: none;
    width: 3rem;
    height: 3rem;
    border: 0;
    border-radius: 8px;
    background: none;
    color: var(--u-text);
    font: inherit;
    cursor: pointer;
  }
  .tool:hover:not(:disabled) {
    background: var(--u-sunken);
  }
  .tool[aria-pressed="true"] {
    background: var(--wa-color-brand-fill-loud);
    color: #fff;
  }
  .tool:disabled {
    opacity: 0.4;
    cursor: default;
  }
  .tool kbd {
    position: absolute;
    right: 0.25rem;
    bottom: 0.125rem;
    font: 600 0.625rem var(--u-mono);
    opacity: 0.8;
  }
  .tools hr {
    width: 100%;
    margin: 0.125rem 0;
    border: 0;
    border-top: 1px solid var(--u-line);
  }
  .stage {
    position: relative;
    overflow: hidden;
    background: var(--u-plate);
  }
  canvas {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    outline-offset: -3px;
    touch-action: none;
    cursor: crosshair;
  }
  canvas.select {
    cursor: default;
  }
  .over {
    position: absolute;
    left: 0.75rem;
    bottom: 0.75rem;
    display: flex;
    align-items: center;
    gap: 0.5rem;
    max-width: calc(100% - 1.5rem);
    padding: 0.375rem 0.75rem;
    border-radius: 8px;
    background: rgb(10 14 19 / 85%);
    color: #fff;
    font-size: 0.875rem;
  }
  .side {
    display: flex;
    flex-direction: column;
    gap: 0.75rem;
    min-height: 0;
  }
  .scroll {
    flex: 1;
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    align-content: start;
    gap: 0.75rem;
    min-height: 0;
    overflow-y: auto;
  }
  .side section {
    padding: 0.75rem 0.875rem;
  }
  .side h2 {
    margin-bottom: 0.375rem;
    font-size: 0.875rem;
    color: var(--u-quiet);
  }
  .reasons {
    display: flex;
    flex-wrap: wrap;
    gap: 0.375rem;
  }
  .reasons li {
    padding: 0.125rem 0.625rem;
    border-radius: 999px;
    background: var(--u-accent-soft);
    color: var(--u-accent);
    font-size: 0.875rem;
    font-weight: 600;
  }
  .classes {
    display: grid;
    gap: 0.125rem;
  }
  .class {
    display: flex;
    align-items: center;
    gap: 0.625rem;
    width: 100%;
    min-height: 2.75rem;
    padding: 0 0.625rem;
    border: 2px solid transparent;
    border-radius: 8px;
    background: none;
    color: inherit;
    font: inherit;
    text-align: left;
    cursor: pointer;
  }
  .class:hover {
    background: var(--u-sunken);
  }
  .class[aria-pressed="true"] {
    border-color: var(--u-accent);
    font-weight: 650;
  }
  .class span:nth-child(2) {
    flex: 1;
    overflow-wrap: anywhere;
  }
  .swatch {
    flex: none;
    width: 0.875rem;
    height: 0.875rem;
    border: 1px solid rgb(0 0 0 / 45%);
    border-radius: 3px;
  }
  kbd {
    font: 600 0.75rem var(--u-mono);
    color: var(--u-quiet);
  }
  .tool kbd {
    color: inherit;
  }
  .acts {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.5rem;
    padding: 0.75rem 0.875rem;
  }
  .acts .pair {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    gap: 0.5rem;
  }
  .acts wa-button::part(base) {
    padding-inline: 0.5rem;
  }
  .new {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 0.5rem;
    align-items: end;
    margin-top: 0.5rem;
  }
  .empty > ussop-icon {
    color: var(--u-pass);
  }
  .keys {
    display: grid;
    grid-template-columns: auto 1fr;
    gap: 0.375rem 1rem;
  }
  .keys dt {
    text-align: right;
  }
  @media (min-width: 861px) and (max-height: 820px) {
    .tools {
      gap: 0;
      padding-block: 0.25rem;
    }
    .tool {
      height: 2.625rem;
    }
  }
  @media (max-width: 860px) {
    :host {
      height: auto;
      min-height: 100%;
    }
    .desk {
      grid-template-columns: minmax(0, 1fr);
    }
    .tools {
      order: 1;
      flex-direction: row;
      overflow-x: auto;
    }
    .tools hr {
      width: auto;
      height: auto;
      border-top: 0;
      border-left: 1px solid var(--u-line);
    }
    .tool kbd {
      display: none;
    }
    .stage {
      height: 48dvh;
    }
    .side {
      order: 2;
    }
    .scroll {
      overflow: visible;
    }
    .acts {
      order: -1;
    }
  }
`;
