-- The brands whose cars may have a campaign, as slugs with commas; fixed when it is created. What was created before
-- campaigns had brands was for all of them.

ALTER TABLE campaigns ADD COLUMN brands TEXT NOT NULL DEFAULT
    'abarth,alfa-romeo,chrysler,citroen,dodge,ds,fiat,jeep,lancia,maserati,opel,peugeot,ram,vauxhall';
