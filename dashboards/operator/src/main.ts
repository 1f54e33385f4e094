/** Starts the dashboard. */
import "./styles/app.css";
import "./app/controls";
import "./app/app-shell";
import { theme } from "./app/preferences";
import { router } from "./app/router";
import { locale } from "./i18n/locale";

theme.apply();
locale.apply();
router.start();
