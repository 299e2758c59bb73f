import { expect, it } from 'vitest';
import { match, vehiclePath } from './routes';

it.each([
  ['/', { page: 'fleet' }],
  ['/map', { page: 'map' }],
  ['/vehicles', { page: 'vehicles' }],
  ['/vehicles/ab', { page: 'vehicle', id: 'ab', tab: 'live' }],
  ['/vehicles/ab/privacy', { page: 'vehicle', id: 'ab', tab: 'privacy' }],
  ['/vehicles/ab/identity', { page: 'vehicle', id: 'ab', tab: 'identity' }],
  ['/vehicles/ab/other', { page: 'not-found' }],
  ['/campaigns/new', { page: 'campaign-new' }],
  ['/campaigns/7/', { page: 'campaign', id: '7' }],
  ['/audit', { page: 'audit' }],
  ['/audit/7', { page: 'not-found' }],
  ['/people/new', { page: 'person-new' }],
  ['/people/ab', { page: 'person', id: 'ab' }],
  ['/people/ab/cd', { page: 'not-found' }],
  ['/certificates', { page: 'certificates' }],
  ['/quarantine', { page: 'quarantine' }],
  ['/releases', { page: 'releases' }],
  ['/notices', { page: 'notices' }],
  ['/sign-in', { page: 'sign-in' }],
  ['/map/x', { page: 'not-found' }],
  ['/vehicles/%zz', { page: 'vehicle', id: '%zz', tab: 'live' }],
])('%s', (path, route) => expect(match(path)).toEqual(route));

it('an address that is made is understood', () => {
  expect(match(vehiclePath('a/b', 'state'))).toEqual({ page: 'vehicle', id: 'a/b', tab: 'state' });
});
