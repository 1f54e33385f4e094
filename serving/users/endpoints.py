"""`/api/v1/users`: looking after users, and after oneself. Open to people only: an API key changes nobody."""

import asyncio
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Response

from serving.audit.dependencies import CurrentActor
from serving.auth.dependencies import require_person
from serving.auth.principal import Principal
from serving.auth.schemas import TokenResponse, UserProfile
from serving.platform import Platform, PlatformDep
from serving.users import repository, service
from serving.users.passwords import checked_hash
from serving.users.schemas import OwnPassword, OwnUpdate, UserDeleted, UserIn, UserList, UserOut, UserUpdate

router = APIRouter(prefix="/api/v1/users", tags=["users"])

Admin = Annotated[Principal, Depends(require_person("admin"))]
Person = Annotated[Principal, Depends(require_person("viewer"))]
UserId = Annotated[str, Path(max_length=36, pattern=r"^[A-Za-z0-9-]+$")]


@router.get("")
def list_users(platform: PlatformDep, _admin: Admin) -> UserList:
    """Every user, by name."""
    with platform.database.read() as session:
        users = [service.to_out(user) for user in repository.list_all(session)]
    return UserList(users=users, total=len(users))


@router.post("", status_code=201)
async def create_user(platform: PlatformDep, _admin: Admin, actor: CurrentActor, wanted: UserIn) -> UserOut:
    """Makes a user."""
    user = await to_thread.run_sync(
        lambda: service.new_user(
            wanted.username,
            wanted.password,
            wanted.roles,
            email=wanted.email,
            must_change_password=wanted.must_change_password,
            clock=platform.clock,
        ),
        limiter=platform.login_slots,
    )
    now = platform.clock()
    return await asyncio.wrap_future(
        platform.database.write(lambda session: service.create(session, user, by=actor, now=now))
    )


# Before `/{user_id}`, which would take these paths for somebody's id.
@router.put("/me")
async def update_me(platform: PlatformDep, user: Person, actor: CurrentActor, wanted: OwnUpdate) -> UserProfile:
    """Changes one's own e-mail address; null takes it away."""
    now = platform.clock()
    written = platform.database.write(
        lambda session: service.set_email(session, user.id, wanted.email, by=actor, now=now)
    )
    return UserProfile.model_validate(await asyncio.wrap_future(written), from_attributes=True)


@router.put("/me/password")
async def change_my_password(
    platform: PlatformDep, user: Person, actor: CurrentActor, wanted: OwnPassword, response: Response
) -> TokenResponse:
    """Changes one's own password. Every session ends, also this one; the answer begins a new one."""
    response.headers["Cache-Control"] = "no-store"
    answer = await to_thread.run_sync(
        lambda: platform.auth.change_password(user.id, wanted.old_password, wanted.new_password, actor),
        limiter=platform.login_slots,
    )
    platform.sessions.forget_user(user.id)
    if user.username == service.FIRST_ADMIN:
        # What it says is no longer true.
        await to_thread.run_sync(lambda: platform.settings.first_password_file.unlink(missing_ok=True))
    return answer


@router.put("/{user_id}")
async def update_user(
    platform: PlatformDep, _admin: Admin, actor: CurrentActor, user_id: UserId, wanted: UserUpdate
) -> UserOut:
    """Changes a user; fields that are left out stay. Other roles, another password or disabling ends their sessions."""
    password_hash = await _hash(platform, user_id, wanted.password)
    now = platform.clock()
    written = platform.database.write(
        lambda session: service.update(session, user_id, wanted, password_hash, by=actor, now=now)
    )
    try:
        return await asyncio.wrap_future(written)
    finally:
        platform.sessions.forget_user(user_id)


@router.delete("/{user_id}")
async def delete_user(platform: PlatformDep, _admin: Admin, actor: CurrentActor, user_id: UserId) -> UserDeleted:
    """Deletes a user and ends their sessions. What they did keeps their name."""
    now = platform.clock()
    written = platform.database.write(lambda session: service.delete(session, user_id, by=actor, now=now))
    try:
        await asyncio.wrap_future(written)
    finally:
        platform.sessions.forget_user(user_id)
    return UserDeleted(id=user_id)


async def _hash(platform: Platform, user_id: str, password: str | None) -> str | None:
    if password is None:
        return None

    def hashed() -> str:
        with platform.database.read() as session:
            user = repository.find(session, user_id)
        return checked_hash(password, user.username if user else "")

    return await to_thread.run_sync(hashed, limiter=platform.login_slots)
