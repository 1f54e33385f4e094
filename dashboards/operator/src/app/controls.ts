/** The controls of Web Awesome that every page uses. Their icons come from our sprite, never from a network. */
import "@awesome.me/webawesome/dist/components/button/button.js";
import "@awesome.me/webawesome/dist/components/callout/callout.js";
import "@awesome.me/webawesome/dist/components/dialog/dialog.js";
import "@awesome.me/webawesome/dist/components/dropdown/dropdown.js";
import "@awesome.me/webawesome/dist/components/dropdown-item/dropdown-item.js";
import "@awesome.me/webawesome/dist/components/input/input.js";
import "@awesome.me/webawesome/dist/components/option/option.js";
import "@awesome.me/webawesome/dist/components/select/select.js";
import "@awesome.me/webawesome/dist/components/spinner/spinner.js";
import "@awesome.me/webawesome/dist/components/switch/switch.js";
import { registerIconLibrary } from "@awesome.me/webawesome/dist/components/icon/library.js";
import sprite from "../styles/icons.svg?url";

// Web Awesome's own are data: URLs that it fetches, which the Content-Security-Policy forbids.
for (const library of ["system", "default"]) {
  registerIconLibrary(library, { resolver: (name) => `${sprite}#${name}`, spriteSheet: true });
}
