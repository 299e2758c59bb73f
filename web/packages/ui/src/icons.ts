/** The icons in use, from Lucide (ISC). Each file keeps its licence comment. */
import activity from 'lucide-static/icons/activity.svg?raw';
import arrowLeft from 'lucide-static/icons/arrow-left.svg?raw';
import arrowRight from 'lucide-static/icons/arrow-right.svg?raw';
import battery from 'lucide-static/icons/battery-charging.svg?raw';
import car from 'lucide-static/icons/car-front.svg?raw';
import line from 'lucide-static/icons/chart-line.svg?raw';
import check from 'lucide-static/icons/check.svg?raw';
import chevronDown from 'lucide-static/icons/chevron-down.svg?raw';
import chevronRight from 'lucide-static/icons/chevron-right.svg?raw';
import alert from 'lucide-static/icons/circle-alert.svg?raw';
import parking from 'lucide-static/icons/circle-parking.svg?raw';
import account from 'lucide-static/icons/circle-user-round.svg?raw';
import copy from 'lucide-static/icons/copy.svg?raw';
import identity from 'lucide-static/icons/fingerprint.svg?raw';
import focus from 'lucide-static/icons/focus.svg?raw';
import gauge from 'lucide-static/icons/gauge.svg?raw';
import inbox from 'lucide-static/icons/inbox.svg?raw';
import key from 'lucide-static/icons/key-round.svg?raw';
import fleet from 'lucide-static/icons/layout-grid.svg?raw';
import lock from 'lucide-static/icons/lock.svg?raw';
import signOut from 'lucide-static/icons/log-out.svg?raw';
import map from 'lucide-static/icons/map.svg?raw';
import minus from 'lucide-static/icons/minus.svg?raw';
import system from 'lucide-static/icons/monitor.svg?raw';
import dark from 'lucide-static/icons/moon.svg?raw';
import navigation from 'lucide-static/icons/navigation.svg?raw';
import plus from 'lucide-static/icons/plus.svg?raw';
import campaign from 'lucide-static/icons/radio-tower.svg?raw';
import reload from 'lucide-static/icons/refresh-cw.svg?raw';
import search from 'lucide-static/icons/search.svg?raw';
import shield from 'lucide-static/icons/shield-check.svg?raw';
import filters from 'lucide-static/icons/sliders-horizontal.svg?raw';
import light from 'lucide-static/icons/sun.svg?raw';
import remove from 'lucide-static/icons/trash-2.svg?raw';
import people from 'lucide-static/icons/users.svg?raw';
import offline from 'lucide-static/icons/wifi-off.svg?raw';
import close from 'lucide-static/icons/x.svg?raw';

export const icons = {
  account,
  activity,
  alert,
  arrowLeft,
  arrowRight,
  battery,
  campaign,
  car,
  check,
  chevronDown,
  chevronRight,
  close,
  copy,
  dark,
  filters,
  fleet,
  focus,
  gauge,
  identity,
  inbox,
  key,
  light,
  line,
  lock,
  map,
  minus,
  navigation,
  offline,
  parking,
  people,
  plus,
  reload,
  remove,
  search,
  shield,
  signOut,
  system,
};

export type IconName = keyof typeof icons;
