class CupsController < ApplicationController
  def index
    @cups = session.fetch(:cups, 0)
  end

  def create
    session[:cups] = session.fetch(:cups, 0) + 1
    redirect_to root_path, status: :see_other
  end
end
