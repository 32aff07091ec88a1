-- Expand: the new column is there beside the old one, and whoever writes one of them writes both. The version before
-- knows only name, this one only full_name.
alter table members add column full_name text;

create function members_names() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.full_name := coalesce(new.full_name, new.name);
        new.name := new.full_name;
    elsif new.name is distinct from old.name then
        new.full_name := new.name;
    elsif new.full_name is distinct from old.full_name then
        new.name := new.full_name;
    end if;
    return new;
end $$;

create trigger members_names before insert or update on members
    for each row execute function members_names();

update members set full_name = name;
