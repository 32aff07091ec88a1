-- Contract: nobody knows the old column any more. The version before this one has used only the new one.
drop trigger members_names on members;
drop function members_names;
alter table members drop column name;
